/* The hand-off: a checkout that finds nothing idle queues, parks, and is served by a return, by what it finds when it
   was woken, or by a vacancy. The steps are those of detail/exchange.hpp, settlement.hpp and idle_set.hpp, cut where
   another thread can see or change something: at each access to the word of idle bits, to a waiter's parking word, and at
   the mutex. Memory is sequentially consistent here: orders are the business of tests/model.

   Whoever is parked and not woken stays there for good, which spin reports as an invalid end state.

   NT threads     OPS checkouts each       NS slots, FULL of them idle at first, the others vacant
   LATE  (bits)   who may time out, at any moment        STOP (a thread, or NT: none) whom a stop token may call off once
   FAILS          how many openings may fail             DISCARDS  how many leases may be discarded
   SAMPLE         under ONWAY each so many-th return of a slot comes to the mutex
   STRICT         StrictFifo    OLD  every head is older than the patience: the bound on overtaking holds
   TWIN           0: as it is in the library; else what is broken, see the list in `check` */
#ifndef TWIN
#define TWIN 0
#endif
#ifndef NT
#define NT 3
#endif
#ifndef NS
#define NS 1
#endif
#ifndef FULL
#define FULL NS
#endif
#ifndef OPS
#define OPS 2
#endif
#ifndef LATE
#define LATE 0
#endif
#ifndef STOP
#define STOP NT
#endif
#ifndef FAILS
#define FAILS 0
#endif
#ifndef DISCARDS
#define DISCARDS 0
#endif
#ifndef SAMPLE
#define SAMPLE 2
#endif
#ifndef STRICT
#define STRICT 0
#endif
#ifndef OLD
#define OLD 0
#endif

#define NONE 255
#define WAITING 0
#define NOTIFIED 1
#define SLOT 2
#define VACANCY 3

/* the word: idle bits and the two control bits; all its changes are one step */
byte idle = (1 << FULL) - 1;
bit attn, onway;

/* under the mutex */
bit mtx;
chan q = [NT] of { byte };
byte vacant = ((1 << NS) - 1) & ~((1 << FULL) - 1);
byte opening;
bit bad, shut;      /* openings have been failing; the gate of the back-off has not passed */
byte gate;          /* which gate it is */

byte standing[NT], granted[NT], wake_at[NT];
bit linked[NT], cancelled[NT], asleep[NT];
byte barged[NS];    /* a holder's */

/* what is checked */
byte used;          /* slots in somebody's hands */
byte passed;        /* returns that went past the woken head */
byte fails = FAILS, discards = DISCARDS;

inline lock() { atomic { !mtx -> mtx = 1 } }

/* What holds whenever the mutex is free: I-a, I-b and I-c of the protocol. A twin has to do visible harm instead. */
inline unlock() {
    d_step {
        if
        :: TWIN == 0 && len(q) > 0 ->
            q?<h>;
            assert(attn);                                        /* somebody is queued: returns come here */
            assert(!onway || standing[h] == NOTIFIED);
            assert(idle == 0 || standing[h] == NOTIFIED)         /* an idle slot and a parked head never coexist */
        :: TWIN == 0 && len(q) == 0 -> assert(!attn && !onway)
        :: else
        fi;
        h = 0;
        mtx = 0
    }
}
/* After the unlock, to addresses: who is not asleep any more is not disturbed. */
inline wake() {
    d_step {
        do :: k < NT -> if :: wk & (1 << k) -> asleep[k] = 0 :: else fi; k++ :: else -> break od;
        wk = 0;
        k = 0
    }
}
inline finish() {
    unlock();
    if :: wk != 0 -> wake() :: else fi
}

inline take(i) {
    d_step {
        if
        :: idle & 1 -> i = 0; idle = idle & ~1
        :: !(idle & 1) && (idle & 2) -> i = 1; idle = idle & ~2
        :: else -> i = NONE
        fi
    }
}

inline look_at_head() { if :: len(q) > 0 -> q?<h> :: else -> h = NONE fi }
inline set_bits() {
    attn = (h != NONE);
    onway = (h != NONE && !STRICT && standing[h] == NOTIFIED)
}
/* one RMW: the control bits, and a look at the idle ones */
#if TWIN == 6
inline set_control() {                      /* the look comes before the raising */
    d_step { look_at_head(); seen = (idle != 0) };
    d_step { set_bits() }
}
#else
inline set_control() {
    d_step { look_at_head(); set_bits(); seen = (idle != 0 && TWIN != 5) }
}
#endif
inline unlink(n) {
    q??eval(n);
    linked[n] = 0
}
inline grant(n, what, i) {
    unlink(n);
    granted[n] = i;
    standing[n] = what;
    wk = wk | (1 << n)
}
inline notify() {
    d_step { standing[h] = NOTIFIED; wk = wk | (1 << h); passed = 0 };
    set_control()
}
inline take_vacancy(i) {
    if :: vacant & 1 -> i = 0 :: else -> i = 1 fi;
    vacant = vacant & ~(1 << i);
    opening++
}
/* the cap: two at once, one alone while it keeps failing */
#define has_room (vacant != 0 && opening < (bad -> 1 : 2))

/* The vacancies, if any slot can be vacant: to the head, or the head alone looks again when the back-off ends. */
#if FULL < NS || DISCARDS
inline settle_vacancy() {
    if
    :: standing[h] == WAITING && has_room && !shut ->
        d_step { take_vacancy(x); grant(h, VACANCY, x); x = 0 }
    :: standing[h] == WAITING && has_room && shut ->
        if
        :: wake_at[h] != gate && TWIN != 10 -> d_step { wake_at[h] = gate }; notify()
        :: else
        fi;
        break
    :: else -> break
    fi
}
#else
inline settle_vacancy() { break }
#endif

/* Ends every section that changed the queue, the vacancies or the idle set. */
inline settle() {
    do
    :: set_control();
        if
        :: h == NONE -> break
        :: STRICT && h != NONE && seen ->
            take(x);
            if
            :: x != NONE -> d_step { grant(h, SLOT, x); x = 0 }
            :: else -> break
            fi
        :: else ->
            if :: !STRICT && seen && standing[h] == WAITING -> notify() :: else fi;
            settle_vacancy()
        fi
    od;
    atomic { seen = 0; h = 0 }
}

inline park() {
    do
    :: standing[me] != WAITING -> break
    :: atomic { standing[me] == WAITING -> asleep[me] = 1 };
        if
        :: atomic { !asleep[me] -> skip }
        :: atomic { (LATE & (1 << me)) && standing[me] == WAITING -> asleep[me] = 0; late = 1 }
        :: atomic { wake_at[me] != 0 && standing[me] == WAITING ->      /* the gate has passed */
            asleep[me] = 0;
            if :: wake_at[me] == gate -> shut = 0 :: else fi;
            early = 1 }
        fi;
        if :: late || early -> break :: else fi
    od;
    early = 0
}

proctype Thread(byte me) {
    byte n, got, h, k, x, wk;
    bit seen, late, early, vac, again, come;
    do
    :: n == OPS -> break
    :: n < OPS ->
        /* ---- a hit ---- */
        take(got);
        if :: got != NONE -> goto have :: else fi;
begin:  /* ---- Exchange::begin ---- */
        lock();
        take(got);
        if :: got != NONE -> unlock(); goto have :: else fi;
        if
        :: has_room && !shut ->
            d_step { take_vacancy(got); vac = 1 };
            settle();
            finish();
            goto open
        :: else
        fi;
        d_step {
            standing[me] = WAITING;
            wake_at[me] = 0;
            cancelled[me] = 0;
            linked[me] = 1;
            q!me
        };
        if
        :: again -> d_step { k = len(q) - 1; do :: k > 0 -> q?h; q!h; k-- :: else -> break od; h = 0 }   /* it keeps its place */
        :: true
        fi;
        again = 0;
        if :: TWIN == 7 -> attn = 1 :: else -> settle() fi;
        finish();
        /* ---- Exchange::wait ---- */
        do
        :: park();
            if
            :: standing[me] >= SLOT && !(TWIN == 12 && late) -> break
            :: else
            fi;
            lock();
            if
            :: !linked[me] ->
                unlock();
                if :: TWIN == 12 && late -> standing[me] = WAITING :: else fi;      /* called late although it was granted */
                break
            :: else
            fi;
            take(got);
            if
            :: got != NONE ->
                d_step { unlink(me); standing[me] = SLOT; granted[me] = got };
                if :: TWIN == 2 -> skip :: else -> settle() fi;
                finish();
                break
            :: got == NONE && (late || cancelled[me]) ->
                d_step { unlink(me); standing[me] = WAITING };
                if :: TWIN == 2 || TWIN == 3 -> skip :: else -> settle() fi;
                finish();
                break
            :: got == NONE && !late && !cancelled[me] && has_room && !shut ->
                d_step { unlink(me); standing[me] = VACANCY; take_vacancy(x); granted[me] = x; x = 0 };
                settle();
                finish();
                break
            :: else ->
                d_step {
                    if :: wake_at[me] != 0 && (!shut || wake_at[me] != gate) -> wake_at[me] = 0 :: else fi;
                    standing[me] = WAITING
                };
                if :: TWIN == 4 -> skip :: else -> settle() fi;
                finish()
            fi
        od;
        atomic {
            late = 0;
            if
            :: standing[me] == SLOT -> got = granted[me]
            :: standing[me] == VACANCY -> got = granted[me]; vac = 1
            :: else -> got = NONE
            fi;
            standing[me] = WAITING; granted[me] = 0; wake_at[me] = 0; cancelled[me] = 0
        };
        if
        :: got == NONE -> goto next
        :: got != NONE && vac -> goto open
        :: else -> goto have
        fi;

open:   /* ---- Core::open_into ---- */
        vac = 0;
        if
        :: lock();
            d_step { opening--; bad = 0; shut = 0 };
            settle();
            finish()
        :: atomic { fails > 0 -> fails-- };
            lock();
            d_step { opening--; vacant = vacant | (1 << got); bad = 1; shut = 1; gate++ };
            if :: TWIN == 9 -> skip :: else -> settle() fi;
            finish();
            if
            :: LATE & (1 << me) -> goto next            /* its time is over */
            :: again = 1; goto begin
            fi
        fi;

have:   /* ---- leased ---- */
        atomic { again = 0; assert((used & (1 << got)) == 0); used = used | (1 << got) };
        if
        :: atomic { discards > 0 -> discards-- };
            used = used & ~(1 << got);
            lock();
            d_step { vacant = vacant | (1 << got) };
            if :: TWIN == 8 -> skip :: else -> settle() fi;
            finish()
        :: d_step {                         /* IdleSet::put: one CAS that was allowed to publish, or nothing */
                used = used & ~(1 << got);
                come = 0;
                if
                :: attn && !onway -> come = 1
                :: attn && onway -> barged[got] = (barged[got] + 1) % SAMPLE; come = (barged[got] == 0 && TWIN != 13)
                :: else
                fi;
                if
                :: !come || TWIN == 1 ->
                    idle = idle | (1 << got);
                    if
                    :: OLD && attn && len(q) > 0 ->     /* how often a woken head is overtaken */
                        q?<h>;
                        if :: standing[h] == NOTIFIED -> passed++; assert(passed <= NS * (SAMPLE - 1)) :: else fi;
                        h = 0
                    :: else
                    fi
                :: else
                fi
            };
            if
            :: come && TWIN != 1 ->         /* Exchange::give */
                lock();
                if
                :: len(q) > 0 ->            /* directly to a head that has waited long enough */
                    d_step { look_at_head(); grant(h, SLOT, got); if :: TWIN == 11 -> wk = 0 :: else fi }
                :: len(q) == 0 || (!STRICT && !OLD) -> idle = idle | (1 << got)
                fi;
                settle();
                finish()
            :: else
            fi
        fi;
        come = 0;
next:
        atomic { got = 0; n++ }
    od
}

/* A stop token: it leaves by the same code as one that is late. */
proctype Canceller() {
    byte h, k, wk;
    lock();
    if
    :: linked[STOP] -> d_step { cancelled[STOP] = 1; standing[STOP] = NOTIFIED; wk = 1 << STOP }
    :: else
    fi;
    mtx = 0;
    if :: wk != 0 -> wake() :: else fi
}

init {
    byte i;
    atomic {
        do
        :: i < NT -> run Thread(i); i++
        :: else -> break
        od;
        if :: STOP < NT -> run Canceller() :: else fi
    };
    (_nr_pr == 1);
    assert(idle + vacant == (1 << NS) - 1 && (idle & vacant) == 0);   /* every slot is somewhere, once */
    assert(len(q) == 0 && used == 0 && opening == 0);
    assert(TWIN || (!attn && !onway))
}
