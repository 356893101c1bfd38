#!/usr/bin/env bash
# hot_code.sh <objdump> <object> calls <function> [<others>]  nothing is called but what lies in a cold section, or whose
#                                     mangled name matches <others>
# hot_code.sh <objdump> <object> same <function> <function>  the hot code of both is the same, call for call
# hot_code.sh <objdump> <object> counts <function> <locked> <clocks>  at most so many locked instructions stand in it (an
#                                     exchange with memory is one without saying so), and exactly so many readings of a clock
# The hot code of a function: its instructions and those of every function of the object that it can reach through
# calls, except what the compiler put in a cold section (.text.unlikely*), as it does with functions marked cold and with
# the unlikely parts of others. Names of functions and labels do not count, only their order of appearance.
set -eu
objdump=$1 object=$2 what=$3 first=$4 second=${5:-}

hot_code() {
    "$objdump" -d -r --no-show-raw-insn "$object" | awk -v root="$1" -v others="$2" '
        /^Disassembly of section / { section = $4; sub(/:$/, "", section); next }
        /^[0-9a-f]+ <.*>:$/ {
            name = $2; gsub(/[<>:]/, "", name)
            if (!(name in lies_in)) { lies_in[name] = section; count[name] = 0 }
            if (!(section in begins)) begins[section] = name
            next
        }
        /^ *[0-9a-f]+:\t[^\t]*R_[A-Z0-9_]+/ || /^\t+[0-9a-f]+: R_/ {           # a relocation of the instruction before
            target = $NF; sub(/[-+]0x[0-9a-f]+$/, "", target)
            wants[name, count[name]] = target
            next
        }
        /^ *[0-9a-f]+:\t/ {
            line = $0; sub(/^ *[0-9a-f]+:\t/, "", line); sub(/[ \t]+#.*$/, "", line)
            address = $1; sub(/:$/, "", address)
            code[name, ++count[name]] = line
            at[name, count[name]] = address
        }
        function cold(target) { return (others != "" && target ~ others) || target ~ /^\.text\.unlikely/ || (target in lies_in && lies_in[target] ~ /^\.text\.unlikely/) }
        function number(kind, target) {
            if (!((kind, target) in numbers)) numbers[kind, target] = ++known[kind]
            return kind " " numbers[kind, target]
        }
        END {
            if (!(root in lies_in)) { print "no function " root; exit 3 }
            queue[1] = root; last = 1; seen[root] = 1
            for (i = 1; i <= last; ++i) {
                f = queue[i]
                while (count[f] > 0 && code[f, count[f]] ~ /^(data16 |cs )*(nop|xchg +%ax,%ax)/) --count[f]   # padding
                print "function " i
                for (n = 1; n <= count[f]; ++n) {
                    line = code[f, n]; target = wants[f, n]
                    goes = line ~ /^(bnd )?(call|jmp|j[a-z]+) /
                    if (goes && line ~ /[ \t]\*/) {
                        print "indirect: " line; bad = bad "\n  " line " (where to is not known)"
                    } else if (target == "") {
                        if (match(line, /<[^>]*>/)) {                       # within the function
                            here = substr(line, RSTART + 1, RLENGTH - 2); sub(/^[^+]*/, "", here)
                            sub(/[0-9a-f]+ <[^>]*>/, "here" here, line)
                        }
                        print line
                    } else {
                        if (target ~ /^\.text\./ && !cold(target)) target = begins[target]
                        sub(/[0-9a-f]+ <[^>]*>.*$/, "", line)
                        if (!goes) print line, "data"
                        else if (cold(target)) print line, number("cold", target)
                        else if (target in lies_in) {
                            print line, number("hot", target)
                            if (!(target in seen)) { seen[target] = 1; queue[++last] = target }
                        } else {
                            print line, "elsewhere: " target; bad = bad "\n  " target
                        }
                    }
                }
            }
            if (bad != "") { print "reaches out:" bad; exit 2 }
        }'
}

case $what in
    calls)
        status=0
        code=$(hot_code "$first" "$second") || status=$?
        printf '%s\n' "$code"
        [ $status = 0 ] || { echo "the hot code of $first calls what is not cold, or is not there."; exit 1; }
        echo "$(grep -cv '^function ' <<<"$code") instructions, none of them a call to anything warm." ;;
    counts)
        code=$(hot_code "$first" "") || [ $? = 2 ] || { printf '%s\n' "$code"; exit 1; }  # 2: it calls something, perhaps the clock
        printf '%s\n' "$code"
        code=$(sed '/^reaches out:/,$d' <<<"$code")
        locked=$(grep -cE '(^| )lock |^xchg .*\(|^(mfence|cpuid)' <<<"$code" || true)
        clocks=$(grep -cE '^rdtscp?( |$)|^(call|jmp) .*elsewhere: .*(clock|gettimeofday|_ZNSt6chrono)' <<<"$code" || true)
        echo "$first: $locked locked instructions, $clocks readings of a clock; allowed: at most $second, $6"
        [ "$locked" -le "$second" ] || { echo "too many locked instructions."; exit 1; }
        [ "$locked" -gt 0 ] || { echo "nothing was counted."; exit 1; }
        [ "$clocks" = "$6" ] || { echo "not the readings of a clock that were allowed."; exit 1; } ;;
    same)
        a=$(hot_code "$first" "") || true
        b=$(hot_code "$second" "") || true
        if [ "$a" != "$b" ]; then
            diff <(printf '%s\n' "$a") <(printf '%s\n' "$b") || true
            echo "not the same code: $first, $second"
            exit 1
        fi
        case $a in "no function"*) echo "$a"; exit 1 ;; esac
        printf '%s\n' "$a"
        echo "the same $(grep -cv '^function ' <<<"$a") instructions." ;;
    *) echo "what is '$what'?"; exit 2 ;;
esac
