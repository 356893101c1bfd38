/* Cells: each thread keeps the slot it gave back in a cell of its own, and takes it from there by plain stores and loads.
   Who needs the slot recalls: it raises the epoch, makes every owner's stores visible (the heavy barrier), and takes what
   is kept in cells of the old epoch. An owner stores first and looks at the epoch then; if that has moved it asks, under
   the hub's mutex, whether its slot was stolen. The steps are those of detail/cells.hpp, cut where another thread can see
   or change something.

   A cell keeps a slot if and only if seen == epoch and state == FULL.

   Memory is sequentially consistent but for what an owner stores to its cell without a lock: that goes through a store
   buffer, in order. A store leaves it when the owner locks or exchanges anything, when the heavy barrier reaches the
   owner, when the buffer is full, or, or not, when somebody else is just about to read the cell: who else could tell? The
   barrier reaches one owner after the other.

   The words, the queue and the hand-over are here in the simplest form that is right: handoff.pml and closing.pml have them.
   Each touch of the pool says use(), which fails once the pool was freed. The hub and the cells outlive it.

   Whoever is parked and not woken stays there for good, which spin reports as an invalid end state.

   NT threads     NC of them, the first, have a cell     OPS checkouts each     NS slots
   WARM           so many cells are open at first, and keep a slot each while there are slots; the other slots are idle
   DEPTH          stores in a buffer
   LATE  (bits)   who may time out, at any moment
   CLOSE          somebody closes the pool and lets go of it when nobody will call it any more; leases may outlive it
   CROSS          what thread 0 checks out, thread 1 gives back
   LEAVE          a thread that ends gives back what its cell keeps
   ONCE           a miss shuts the cells at once, so that who queues itself needs no second recall
   SPARE          a recall that finds no cell of the current epoch raises nothing
   BYWORD         who could not keep its slot returns it like one without a cell, not at once under the mutex
   LEASES         nothing but two holders of one slot is an error of its own (with LATE nobody is parked for ever either)
   TWIN           0: as it is in the library; else what is broken, see the list in `check` */
#ifndef TWIN
#define TWIN 0
#endif
#ifndef NT
#define NT 2
#endif
#ifndef NC
#define NC NT
#endif
#ifndef NS
#define NS 1
#endif
#ifndef OPS
#define OPS 2
#endif
#ifndef WARM
#define WARM 0
#endif
#ifndef DEPTH
#define DEPTH 4
#endif
#ifndef LATE
#define LATE 0
#endif
#ifndef CLOSE
#define CLOSE 0
#endif
#ifndef CROSS
#define CROSS 0
#endif
#ifndef LEAVE
#define LEAVE 0
#endif
#ifndef ONCE
#define ONCE 0
#endif
#ifndef SPARE
#define SPARE 0
#endif
#ifndef LEASES
#define LEASES 0
#endif
#ifndef BYWORD
#define BYWORD 0
#endif

#define NONE 255
#define WAITING 254
#define FAILED 253
#define CLOSED 0
#define EMPTY 1
#define FULL 2
#define IS_SLOT 8       /* in a buffer: from here on it is a store to `slot` */
#define all ((1 << NS) - 1)

/* the pool */
bit alive = 1;
byte idle = all;        /* the word: idle bits */
bit attn;               /* and its control bit */
bit mtx, closing, handle = 1;
byte counted = NS;
chan q = [NT] of { byte };

/* the hub: outlives the pool */
bit hub;                /* its mutex; comes after the pool's */
byte epoch = 1;
bit shut;

/* the cells, as memory has them; what their owner sees of `state` and `slot` is in the owner */
byte state[NC], slot[NC], seen[NC];
bit stolen[NC];
chan stores[NC] = [DEPTH] of { byte };

/* of the waiters */
byte granted[NT];

chan handed = [OPS] of { byte };
byte coming = NT - CROSS;       /* threads that may still call checkout */
byte used, closed;              /* slots in somebody's hands; resources closed */

#define use() assert(alive)

/* The oldest store of c's buffer becomes visible. */
inline expose(c) {
    stores[c]?v;
    if :: v < IS_SLOT -> state[c] = v :: else -> slot[c] = v - IS_SLOT fi;
    v = 0
}
inline drain(c) { do :: len(stores[c]) > 0 -> expose(c) :: else -> break od }
inline drain_mine() { if :: me < NC -> drain(me) :: else fi }
inline store(value) {
    d_step {
        if :: len(stores[me]) == DEPTH -> expose(me) :: else fi;
        stores[me]!value
    }
}
/* Somebody else reads c: what is on its way may have come by now. */
inline perhaps(c) { do :: len(stores[c]) > 0 -> expose(c) :: break od }

inline lock_hub() { atomic { !hub -> hub = 1; drain_mine() } }
inline unlock_hub() { hub = 0 }

inline lock() { atomic { use(); !mtx -> mtx = 1; use(); drain_mine() } }
/* What holds whenever the pool's mutex is free. A twin has to do visible harm instead. */
inline unlock() {
    d_step {
        use();
        if
        :: TWIN == 0 ->
            assert(attn == (len(q) > 0 || closing) && shut == attn);
            assert(len(q) == 0 || idle == 0);
            do
            :: k < NC -> assert(!shut || seen[k] != epoch); k++     /* nothing is kept while somebody is queued */
            :: else -> break
            od;
            k = 0
        :: else
        fi;
        mtx = 0
    }
}
inline publish(i) {
    d_step {
        use();
        assert(LEASES || (idle & (1 << i)) == 0);
        idle = idle | (1 << i)
    }
}
inline take(i) {
    d_step {
        use();
        i = 0;
        do
        :: i < NS && !(idle & (1 << i)) -> i++
        :: i < NS && (idle & (1 << i)) -> idle = idle & ~(1 << i); drain_mine(); break
        :: i == NS -> i = NONE; break
        od
    }
}
inline barrier() {
    c = 0;
    do
    :: c < NC -> d_step { drain(c); c++ }
    :: else -> break
    od
}
inline look_at_cells() {
    c = 0;
    do
    :: c < NC ->
        if
        :: seen[c] == old || TWIN == 14 ->
            atomic { perhaps(c); x = state[c] };
            if
            :: x == FULL ->
                atomic { perhaps(c); stolen[c] = 1; x = slot[c] };
                publish(x)
            :: else
            fi
        :: else
        fi;
        atomic { x = 0; c++ }
    :: else -> break
    od;
    c = 0
}
/* Both mutexes are held. */
inline recall() {
#if TWIN == 23
    unlock_hub();
#endif
    d_step {
        old = epoch;
        if
        :: SPARE ->
            do
            :: c < NC && seen[c] != old -> c++
            :: c < NC && seen[c] == old -> break
            :: c == NC -> old = 0; break                /* no cell is open */
            od;
            c = 0
        :: else
        fi
    };
    if
    :: old != 0 ->
#if TWIN == 16
        barrier();
        look_at_cells();
        epoch = old + 1
#elif TWIN == 17
        barrier();
        epoch = old + 1;
        look_at_cells()
#else
        epoch = old + 1;
#if TWIN != 1
        barrier();
#endif
        look_at_cells()
#endif
#if TWIN == 2
        ; epoch = old
#endif
    :: else
    fi;
    old = 0
#if TWIN == 23
    ; lock_hub()
#endif
}

/* The pool's mutex is held. Shuts the cells and recalls, or lets them be opened again. */
#define wanted (len(q) > 0 || closing)
inline settle_cells() {
    if
    :: wanted && !shut && !(TWIN == 4 && closing) ->
        lock_hub();
        if :: TWIN != 13 -> shut = 1 :: else fi;
#if TWIN != 3
        recall();
#endif
        unlock_hub()
    :: !wanted && shut && TWIN != 20 ->
        lock_hub();
        shut = 0;
        unlock_hub()
    :: else
    fi
}
/* Ends every section that changed the queue or the idle set: what is idle goes to the head. */
inline settle() {
    do
    ::
#if TWIN != 5
        settle_cells();
#endif
        d_step { use(); attn = wanted; busy = (len(q) > 0 && idle != 0 && !closing) };   /* one RMW, which looks */
        if
        :: busy ->
            take(x);
            if
            :: x != NONE -> d_step { q?h; granted[h] = x; h = 0; x = 0 }
            :: else -> x = 0; break
            fi
        :: else -> break
        fi
    od;
    busy = 0
#if TWIN == 5
    ; settle_cells()
#endif
}

/* The owner, under the hub's mutex: was its slot stolen? In any case its cell is closed now. */
inline ask(result) {
    d_step {
        result = !stolen[me];
        if :: TWIN != 22 -> stolen[me] = 0 :: else fi;
        state[me] = CLOSED;
        view = CLOSED
    }
}
#define its_cell_is_shut (me < NC && view == CLOSED)
inline open_cell() {
#if TWIN != 21
    lock_hub();
#endif
    if
    :: !shut || TWIN == 7 -> d_step { seen[me] = epoch; state[me] = EMPTY; view = EMPTY; if :: TWIN != 22 -> stolen[me] = 0 :: else fi }
    :: else
    fi;
#if TWIN != 21
    unlock_hub()
#endif
}

/* where a thread goes on after the section of the pool's mutex that settles */
#define NEXT 0
#define HAVE 1
#define PARK 2
#define SERVED 3

proctype Thread(byte me) {
    byte n, got = NONE, then;
    byte view, kept;                            /* what the owner sees of its cell */
    byte h, k, v, x, c, old;
    bit mine, busy, last, against;
    if
    :: d_step { me < WARM -> view = state[me]; kept = slot[me] }
    :: else
    fi;
    do
    :: n == OPS + LEAVE -> break
    :: n == OPS && LEAVE ->                     /* the thread ends */
        if :: me >= NC -> goto next :: else fi;
        lock_hub();
        d_step {
            if :: view == FULL && !stolen[me] && TWIN != 24 -> got = kept :: else fi;
            state[me] = CLOSED;
            view = CLOSED;
            seen[me] = 0;
            stolen[me] = 0;
            kept = 0
        };
        unlock_hub();
        if :: got == NONE -> goto next :: else -> goto give fi
    :: n < OPS ->
        if :: CROSS && me == 1 -> handed?got; goto given :: else fi;

        /* ---- checkout ---- */
        if
        :: me < NC && view == FULL ->
#if TWIN == 15
            mine = (epoch == seen[me]);
            atomic { store(EMPTY); view = EMPTY };
#else
            atomic { store(EMPTY); view = EMPTY };
            mine = (epoch == seen[me]);
#endif
            if
            :: mine
            :: else ->
                lock_hub();
                ask(mine);
                unlock_hub();
                if :: TWIN == 8 -> mine = 0 :: TWIN == 9 -> mine = 1 :: else fi
            fi;
            if
            :: atomic { mine -> mine = 0; got = kept }; goto have
            :: else
            fi
        :: else
        fi;
        take(got);
        if :: got != NONE -> goto have :: else fi;
        lock();
        if :: closing -> unlock(); goto have :: else fi;
        if
        :: !shut ->
            lock_hub();
            if :: ONCE -> shut = 1 :: else fi;
            recall();
            unlock_hub()
        :: else
        fi;
        take(got);
        if
        :: got == NONE -> d_step { granted[me] = WAITING; q!me; then = PARK }
        :: got != NONE && ONCE -> then = HAVE
        :: got != NONE && !ONCE -> unlock(); goto have
        fi;

settling: /* ---- the end of every section that has to settle ---- */
        settle();
        last = (!handle && counted == 0);
        unlock();
        if :: last -> d_step { use(); alive = 0; last = 0 } :: else fi;
        if
        :: then == NEXT -> goto next
        :: then == HAVE -> goto have
        :: then == SERVED
        :: then == PARK ->
            if
            :: granted[me] != WAITING
            :: atomic { (LATE & (1 << me)) && granted[me] == WAITING -> then = SERVED };
                lock();
                if
                :: granted[me] == WAITING -> d_step { q??eval(me); granted[me] = FAILED }; goto settling
                :: else -> unlock()             /* late, but granted: it takes it */
                fi
            fi
        fi;
        d_step { if :: granted[me] != FAILED -> got = granted[me] :: else fi; granted[me] = 0 };

have:   /* ---- leased, or refused ---- */
        atomic {
            then = NEXT;
            if :: got != NONE -> assert((used & (1 << got)) == 0); used = used | (1 << got) :: else fi;
            if :: n == OPS - 1 -> coming-- :: else fi
        };
        if :: CROSS && me == 0 -> atomic { handed!got; got = NONE } :: else fi;

given:  /* ---- the return ---- */
        if :: got == NONE -> goto next :: else fi;
        d_step { assert(used & (1 << got)); used = used & ~(1 << got) };
opening:
        if
        :: its_cell_is_shut -> open_cell()
        :: true
        fi;
        if :: got == NONE -> goto next :: else fi;      /* it went to the words before: the hub alone, the pool may be gone */
        if
        :: me < NC && view == EMPTY ->
#if TWIN == 18
            store(FULL);
            store(got + IS_SLOT);
#else
            store(got + IS_SLOT);
            store(FULL);
#endif
            d_step { view = FULL; kept = got };
            if
            :: d_step { epoch == seen[me] || TWIN == 6 -> assert(TWIN || len(q) == 0 || mtx) };     /* kept */
                if :: TWIN == 12 -> use() :: else fi;
                goto next
            :: else ->
                lock_hub();
                ask(mine);
                if :: TWIN == 10 -> mine = 0 :: TWIN == 11 -> mine = 1 :: else fi;
                if :: TWIN == 19 && mine -> against = 1 :: else -> unlock_hub() fi;
                if
                :: atomic { mine -> mine = 0 };
                    if :: BYWORD -> goto word :: else -> goto give fi
                :: else -> goto next
                fi
            fi
        :: else
        fi;
word:
        atomic {                                /* one CAS, or nothing */
            use();
            if
            :: !attn -> assert(LEASES || !(idle & (1 << got))); idle = idle | (1 << got); got = NONE; drain_mine()
            :: else
            fi
        };
        if
        :: got == NONE && its_cell_is_shut -> goto opening
        :: got == NONE && !its_cell_is_shut -> goto next
        :: else
        fi;
give:   /* ---- a slot in the hands of a thread comes to the pool's mutex ---- */
        lock();
        if :: against -> atomic { hub = 0; against = 0 } :: else fi;
        if
        :: closing -> d_step { assert(!(closed & (1 << got))); closed = closed | (1 << got); counted-- }
        :: !closing && len(q) > 0 -> d_step { q?h; granted[h] = got; h = 0 }
        :: else -> publish(got)
        fi;
        goto settling;
next:
        atomic { got = NONE; n++ }
    od
}

proctype Closer() {
    byte h, k, v, x, c, old;
    byte me = NT;                               /* it has no cell */
    bit busy, last;
    lock();
    closing = 1;
    d_step { do :: len(q) > 0 -> q?h; granted[h] = FAILED :: else -> break od; h = 0 };
    settle();
    do
    :: take(x);
        if
        :: x != NONE -> d_step { assert(!(closed & (1 << x))); closed = closed | (1 << x); counted-- }
        :: else -> break
        fi
    od;
    x = 0;
    unlock();
    coming == 0;
    lock();
    d_step { handle = 0; last = (counted == 0) };
    unlock();
    if :: last -> d_step { use(); alive = 0 } :: else fi
}

init {
    byte i, c, v, places;
    atomic {
        do
        :: c < WARM ->
            seen[c] = epoch;
            if
            :: c < NS -> state[c] = FULL; slot[c] = c; idle = idle & ~(1 << c)
            :: else -> state[c] = EMPTY
            fi;
            c++
        :: else -> break
        od;
        do
        :: i < NT -> run Thread(i); i++
        :: else -> break
        od;
        if :: CLOSE -> run Closer() :: else fi;
        c = 0;
        i = 0
    };
    (_nr_pr == 1);
    d_step {
        do
        :: c < NC -> drain(c); c++
        :: else -> break
        od;
        assert(len(q) == 0 && used == 0);
        assert(shut == CLOSE || TWIN == 4);
        if
        :: LEASES
        :: !LEASES && CLOSE -> assert(!alive && counted == 0 && closed == all && idle == 0)
        :: else ->
            do                                  /* every slot is somewhere, once */
            :: i < NS ->
                places = ((idle & (1 << i)) != 0);
                c = 0;
                do
                :: c < NC ->
                    if :: seen[c] == epoch && state[c] == FULL && slot[c] == i -> places++ :: else fi;
                    c++
                :: else -> break
                od;
                assert(places == 1);
                i++
            :: else -> break
            od
        fi
    }
}
