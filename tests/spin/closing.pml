/* A return against the end of the pool: who touches the core last, and who frees it. NR leases are out, NW threads wait in
   the queue, the owner closes the pool (perhaps waiting for the leases for a while) and lets go of it. Leases may come back
   before, while and after that. The steps are those of detail/exchange.hpp and core_return.hpp; each touch of the core
   says use(), which fails once the core was freed. At the end the core is gone and every resource was closed, once.

   Nobody may call a pool that is being destroyed, but who waits in it may be there: the owner lets go only once every
   waiter is queued, or served.

   NS slots: NR of them out, the others idle     NW waiters     WAITS: the owner waits for the leases without a limit
   TWIN       0: as it is in the library; else what is broken, see the list in `check` */
#ifndef TWIN
#define TWIN 0
#endif
#ifndef NR
#define NR 2
#endif
#ifndef NS
#define NS NR
#endif
#ifndef NW
#define NW 1
#endif
#ifndef WAITS
#define WAITS 0
#endif

#define NONE 255
#define WAITING 0
#define NOTIFIED 1
#define SLOT 2
#define FAILED 3

/* the core */
bit alive = 1;
byte idle = ((1 << NS) - 1) & ~((1 << NR) - 1);     /* bits */
bit attn, onway;
bit mtx, closing, handle = 1;
byte counted = NS, visitors, drained;
chan q = [NW + 1] of { byte };

/* of the waiters */
byte standing[NW + 1], granted[NW + 1];
bit asleep[NW + 1];
byte settled;           /* waiters that are queued or done */

bit owner_asleep;
byte closed;            /* resources closed, bits */
byte used = (1 << NR) - 1;

#define use() assert(alive)
inline lock() { atomic { use(); !mtx -> mtx = 1; use() } }
inline take(i) {
    d_step {
        use();
        i = 0;
        do
        :: i < NS && !(idle & (1 << i)) -> i++
        :: i < NS && (idle & (1 << i)) -> idle = idle & ~(1 << i); break
        :: i == NS -> i = NONE; break
        od
    }
}
#define is_last (!handle && counted == 0 && visitors == 0 && len(q) == 0)

/* The mutex is held: the control bits by one RMW, which looks; an idle slot and a waiting head: the head is woken. */
inline settle() {
    d_step {
        use();
        if :: len(q) > 0 -> q?<h> :: else -> h = NONE fi;
        if
        :: closing && TWIN == 4 && onway -> skip                /* the woken head's bit is forgotten */
        :: closing && !(TWIN == 4 && onway) -> attn = (TWIN != 6); onway = 0
        :: else -> attn = (h != NONE); onway = (h != NONE && standing[h] == NOTIFIED)
        fi
    };
    if
    :: !closing && h != NONE && idle != 0 && standing[h] == WAITING ->
        d_step { standing[h] = NOTIFIED; wk = wk | (1 << h) };
        d_step { use(); onway = 1 }
    :: else
    fi;
    atomic { h = 0 }
}
/* Unlocks, and only then wakes: addresses are copied. `told`: the owner waits for the last resource. */
inline finish() {
    d_step { use(); mtx = 0 };
    if
    :: wk != 0 || told ->
        d_step {
            k = 0;
            do
            :: k < NW -> if :: wk & (1 << k) -> asleep[k] = 0 :: else fi; k++
            :: else -> break
            od;
            k = 0;
            if :: told -> owner_asleep = 0 :: else fi;
            wk = 0;
            told = 0
        }
    :: else
    fi
}
inline free_if(last) {
    if
    :: last -> d_step { use(); alive = 0; last = 0 }
    :: else
    fi
}
/* Core::retire and bury: close the resource, then the slot counts no more; its last may free the core. */
inline retire(i) {
    if :: TWIN != 7 -> d_step { assert(!(closed & (1 << i))); closed = closed | (1 << i) } :: else fi;
    lock();
    counted--;
    settle();
    d_step {
        if :: closing && counted == 0 && TWIN != 8 -> drained = 1; told = 1 :: else fi;
        last = is_last
    };
    finish();
    if
    :: TWIN == 9 -> d_step { use(); last = is_last }           /* decided outside the mutex */
    :: else
    fi;
    free_if(last);
    if :: TWIN == 7 -> use(); d_step { closed = closed | (1 << i) } :: else fi
}

/* Core::give_back. */
inline give_back(i) {
    d_step {
        use();
        assert(used & (1 << i));
        used = used & ~(1 << i)
    };
    if
    :: TWIN == 1 ->                                 /* xadd: publishes first, then looks whether it had to come */
        d_step { use(); come = attn; idle = idle | (1 << i) };
        if
        :: come ->
            lock();
            settle();
            finish();
            take(n);
            if :: closing && n != NONE -> retire(n) :: !closing && n != NONE -> idle = idle | (1 << n) :: else fi;
            come = 0
        :: else
        fi
    :: else ->
        if
        :: d_step { !attn || onway -> use(); idle = idle | (1 << i) };     /* the CAS: the last touch */
            if :: TWIN == 2 -> use() :: else fi             /* one more word, written after it */
        :: d_step { attn -> use(); come = 1 };              /* has to come, or is the 16th */
            lock();
            if
            :: closing -> d_step { use(); mtx = 0 }; retire(i)
            :: else ->
                if
                :: len(q) > 0 ->
                    d_step { q?h; standing[h] = SLOT; granted[h] = i; wk = wk | (1 << h); h = 0 }
                :: d_step { use(); idle = idle | (1 << i) }
                fi;
                settle();
                finish()
            fi;
            come = 0
        fi
    fi
}

proctype Holder(byte slot) {
    byte h, k, n, wk;
    bit come, last, told;
    give_back(slot)
}

proctype Waiter(byte me) {
    byte h, k, n, wk, slot;
    bit come, last, told;
    lock();
    if
    :: closing -> visitors++; d_step { use(); mtx = 0 }; settled++; goto refused
    :: else
    fi;
    take(slot);
    if
    :: slot != NONE -> d_step { use(); mtx = 0 }; used = used | (1 << slot); settled++; goto served
    :: else
    fi;
    d_step { slot = 0; standing[me] = WAITING; q!me };
    settle();
    settled++;
    finish();
    do
    :: do
        :: standing[me] != WAITING -> break
        :: atomic { standing[me] == WAITING -> asleep[me] = 1 }; !asleep[me]
       od;
        if
        :: standing[me] == SLOT -> slot = granted[me]; used = used | (1 << slot); goto served
        :: standing[me] == FAILED -> goto refused
        :: else
        fi;
        lock();
        if
        :: standing[me] >= SLOT -> d_step { use(); mtx = 0 }
        :: else ->
            take(slot);
            if
            :: slot != NONE ->
                d_step { q??eval(me); used = used | (1 << slot) };
                settle();
                finish();
                goto served
            :: else -> d_step { slot = 0; standing[me] = WAITING }; settle(); finish()
            fi
        fi
    od;
served:
    give_back(slot);
    goto done;
refused:
    use();              /* the error is written: it counts, names, looks at the slots */
    lock();
    d_step { if :: TWIN != 5 -> visitors-- :: else fi; last = is_last };
    finish();
    free_if(last);
done:
    skip
}

proctype Owner() {
    byte h, k, wk, i, n;
    bit last, told, more;
    settled == NW;
    /* close: from now on every return comes to the mutex and closes */
    lock();
    closing = 1;
    settle();
    finish();
    more = 1;           /* fail_all */
    do
    :: more ->
        lock();
        do
        :: len(q) > 0 && !(TWIN == 3 && wk != 0) ->
            d_step {
                q?h;
                standing[h] = FAILED;
                wk = wk | (1 << h);
                h = 0;
                if :: TWIN != 5 -> visitors++ :: else fi
            }
        :: else -> break
        od;
        more = 0;
        settle();
        finish()
    :: else -> break
    od;
    do
    :: take(i);
        if
        :: i != NONE -> retire(i)
        :: else -> break
        fi
    od;
    i = 0;
    /* drain */
    do
    :: lock();
        n = drained;
        if
        :: counted == 0 -> d_step { use(); mtx = 0 }; break
        :: else -> d_step { use(); mtx = 0 }
        fi;
        if
        :: !WAITS -> break
        :: atomic { WAITS && drained == n -> owner_asleep = 1 }; !owner_asleep
        :: WAITS && drained != n
        fi
    od;
    /* let_go */
    lock();
    d_step { handle = 0; last = is_last };
    finish();
    free_if(last)
}

init {
    byte i;
    atomic {
        do
        :: i < NR -> run Holder(i); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < NW -> run Waiter(i); i++
        :: else -> break
        od;
        run Owner()
    };
    (_nr_pr == 1);
    assert(!alive);
    assert(closed == (1 << NS) - 1 && used == 0)
}
