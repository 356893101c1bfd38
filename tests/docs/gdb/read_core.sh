#!/usr/bin/env bash
# read_core.sh <gdb> <docs/gdb/dewpond.py> <program> <folder>: the program dies, and its core file tells what its pools did.
set -eu
gdb=$1 script=$2 program=$3 folder=$4
mkdir -p "$folder"
rm -f "$folder"/core "$folder"/all "$folder"/desks
quiet=(-nx -batch -iex "set auto-load off" -iex "set debuginfod enabled off")
"$gdb" "${quiet[@]}" -ex run -ex "generate-core-file $folder/core" --args "$program" "$folder/all" "$folder/desks" >"$folder/run.txt" 2>&1 || true
[ -s "$folder/core" ] || { echo "no core file was made:"; tail -5 "$folder/run.txt"; exit 1; }
told=$("$gdb" "${quiet[@]}" -x "$script" -ex dewpond-events "$program" "$folder/core" 2>&1)
rm -f "$folder/core"
for pool in all desks; do
    [[ "$told" == *"$(cat "$folder/$pool")"* ]] || { echo "of $pool gdb does not tell:"; diff <(printf '%s\n' "$told") "$folder/$pool" | head -20; exit 1; }
done
pools=$(grep -c "^pool '" <<<"$told")
[ "$pools" = 2 ] || { echo "$pools pools were found, not 2"; exit 1; }
