/* SPDX-License-Identifier: MIT */
/*
 * kernels.c: six ways to use memory: random updates (GUPS), a pointer chase, a
 * stream, a hash join, a B-tree, a sparse matrix times a vector. Each touches
 * the window and its stack and nothing else, does the same every time, and its
 * result is compared with one that was found in another way.
 */
#include "guest/tlb/tlb.h"

#define WORDS (window_bytes / sizeof(uint64_t))

/* Of xorshift: x is never 0. */
static uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

#define SEED UINT64_C(0x9e3779b97f4a7c15)

static void clear(uint64_t from, uint64_t to)
{
    memset(window_at(from), 0, to - from);
}

/* --- random updates ------------------------------------------------------- */

static uint64_t gups_run(uint64_t n)
{
    uint64_t x = SEED, *const a = window_at(0), mask = WORDS - 1;

    for (uint64_t i = 0; i < n; i++) {
        random_next(&x);
        a[x & mask] ^= x;
    }
    return x;
}

static void gups_prepare(uint64_t n)
{
    uint64_t x = SEED, *const a = window_at(0);

    for (uint64_t i = 0; i < n; i++)
        a[random_next(&x) & (WORDS - 1)] = 0;
}

/* Done twice, it is undone. */
static bool gups_is_right(uint64_t n, uint64_t result)
{
    uint64_t x = SEED, left = 0, *const a = window_at(0);

    for (uint64_t i = 0; i < n; i++)
        left |= a[random_next(&x) & (WORDS - 1)];
    if (!left || gups_run(n) != result)
        return false;
    left = 0;
    x = SEED;
    for (uint64_t i = 0; i < n; i++)
        left |= a[random_next(&x) & (WORDS - 1)];
    return !left;
}

/* --- pointer chase -------------------------------------------------------- */

#define NODE 1024u

/* Through all nodes, and back to the first (Hull and Dobell). */
static uint64_t chase_next(uint64_t i)
{
    return (i * 0x5851f42d4c957f2d + 0x14057b7ef767814f) &
           (window_bytes / NODE - 1);
}

static void chase_prepare(uint64_t n)
{
    (void)n;
    for (uint64_t i = 0; i < window_bytes / NODE; i++)
        *(void **)window_at(i * NODE) = window_at(chase_next(i) * NODE);
}

static uint64_t chase_run(uint64_t n)
{
    void *p = window_at(0);

    while (n--)
        p = *(void **)p;
    return ((uint64_t)p - WINDOW) / NODE;
}

static bool chase_is_right(uint64_t n, uint64_t result)
{
    uint64_t i = 0;

    while (n--)
        i = chase_next(i);
    return i == result;
}

/* --- stream --------------------------------------------------------------- */

static uint64_t *stream_array(unsigned i)
{
    return window_at(window_bytes / 4 * i);
}

static void stream_prepare(uint64_t n)
{
    REQUIRE(n <= WORDS / 4);
    for (uint64_t i = 0; i < n; i++) {
        stream_array(0)[i] = i;
        stream_array(1)[i] = 2 * i;
    }
}

static uint64_t stream_run(uint64_t n)
{
    const uint64_t *a = stream_array(0), *b = stream_array(1);
    uint64_t *c = stream_array(2);

    for (uint64_t i = 0; i < n; i++)
        c[i] = a[i] + 3 * b[i];
    return n;
}

static bool stream_is_right(uint64_t n, uint64_t result)
{
    uint64_t wrong = n - result;

    for (uint64_t i = 0; i < n; i++)
        wrong += stream_array(2)[i] != 7 * i;
    return !wrong;
}

/* --- hash join ------------------------------------------------------------ */

/* Half of the window is the table, the other has both relations. A quarter as
 * many tuples as are looked for, of which every other one is there. */
struct bucket {
    uint64_t key, value; /* key 0: empty */
};

#define JOIN_BUCKETS (window_bytes / 2 / sizeof(struct bucket))

static uint64_t *join_relation(bool probe)
{
    return window_at(window_bytes / 4 * (probe ? 3 : 2));
}

/* Different for different i; odd, so never 0. */
static uint64_t join_key(uint64_t i)
{
    return (i * SEED) << 1 | 1;
}

static struct bucket *join_bucket(uint64_t key)
{
    struct bucket *table = window_at(0);
    uint64_t b = (key * 0xd6e8feb86659fd93 >> 24) & (JOIN_BUCKETS - 1);

    while (table[b].key && table[b].key != key)
        b = (b + 1) & (JOIN_BUCKETS - 1);
    return &table[b];
}

static void join_prepare(uint64_t n)
{
    uint64_t x = SEED;

    REQUIRE(n <= WORDS / 4 && n / 4 < JOIN_BUCKETS / 2);
    clear(0, window_bytes / 2);
    for (uint64_t i = 0; i < n / 4; i++)
        join_relation(false)[i] = join_key(i);
    for (uint64_t i = 0; i < n; i++)
        join_relation(true)[i] = join_key(random_next(&x) % (n / 2));
}

static uint64_t join_run(uint64_t n)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < n / 4; i++) {
        const uint64_t key = join_relation(false)[i];

        *join_bucket(key) = (struct bucket){key, i + 1};
    }
    for (uint64_t i = 0; i < n; i++)
        sum += join_bucket(join_relation(true)[i])->value;
    return sum;
}

static bool join_is_right(uint64_t n, uint64_t result)
{
    uint64_t x = SEED, sum = 0;

    for (uint64_t i = 0; i < n; i++) {
        const uint64_t of = random_next(&x) % (n / 2);

        sum += of < n / 4 ? of + 1 : 0;
    }
    return sum == result;
}

/* --- B-tree --------------------------------------------------------------- */

/* Full, of five levels: child c of node k is k * 17 + 1 + c. Nodes stand apart,
 * so that they fill the window. */
#define TREE_KEYS   16u
#define TREE_LEVELS 5u
#define TREE_NODES  (1u + 17u + 289u + 4913u + 83521u)

static uint64_t *tree_node(uint64_t k)
{
    const uint64_t apart = window_bytes / TREE_NODES & ~UINT64_C(127);

    return window_at(k * apart);
}

/* Its keys and those below, from next on. */
static uint64_t tree_fill(uint64_t k, unsigned level, uint64_t next)
{
    for (unsigned c = 0; c <= TREE_KEYS; c++) {
        if (level < TREE_LEVELS)
            next = tree_fill(k * (TREE_KEYS + 1) + 1 + c, level + 1, next);
        if (c < TREE_KEYS)
            tree_node(k)[c] = next++;
    }
    return next;
}

static void tree_prepare(uint64_t n)
{
    (void)n;
    REQUIRE(window_bytes / TREE_NODES >= 128);
    REQUIRE(tree_fill(0, 1, 0) == (uint64_t)TREE_NODES * TREE_KEYS);
}

static bool tree_has(uint64_t key)
{
    for (uint64_t k = 0; k < TREE_NODES;) {
        const uint64_t *keys = tree_node(k);
        unsigned c = 0;

        while (c < TREE_KEYS && keys[c] < key)
            c++;
        if (c < TREE_KEYS && keys[c] == key)
            return true;
        k = k * (TREE_KEYS + 1) + 1 + c;
    }
    return false;
}

/* Every other one that is looked for is beyond the last key. */
static uint64_t tree_run(uint64_t n)
{
    uint64_t x = SEED, found = 0;

    for (uint64_t i = 0; i < n; i++)
        found += tree_has(random_next(&x) % (2ull * TREE_NODES * TREE_KEYS));
    return found;
}

static bool tree_is_right(uint64_t n, uint64_t result)
{
    uint64_t x = SEED;

    for (uint64_t i = 0; i < n; i++)
        result -= random_next(&x) % (2ull * TREE_NODES * TREE_KEYS) <
                  (uint64_t)TREE_NODES * TREE_KEYS;
    return result == 0;
}

/* --- a sparse matrix times a vector --------------------------------------- */

/* Half of the window is the vector; rows of eight entries each. */
#define ROW 8u

static uint64_t *matrix_vector(void)
{
    return window_at(0);
}
static uint32_t *matrix_columns(void)
{
    return window_at(window_bytes / 2);
}
static uint64_t *matrix_product(void)
{
    return window_at(window_bytes / 4 * 3);
}

static void matrix_prepare(uint64_t n)
{
    uint64_t x = SEED;

    REQUIRE(n * ROW * sizeof(uint32_t) <= window_bytes / 4 && n <= WORDS / 4);
    for (uint64_t i = 0; i < n * ROW; i++) {
        const uint64_t column = random_next(&x) & (WORDS / 2 - 1);

        matrix_columns()[i] = (uint32_t)column;
        matrix_vector()[column] = column + 1;
    }
}

static uint64_t matrix_run(uint64_t n)
{
    const uint32_t *column = matrix_columns();
    uint64_t all = 0;

    for (uint64_t row = 0; row < n; row++) {
        uint64_t sum = 0;

        for (unsigned i = 0; i < ROW; i++)
            sum += (i + 1) * matrix_vector()[*column++];
        matrix_product()[row] = sum;
        all += sum;
    }
    return all;
}

static bool matrix_is_right(uint64_t n, uint64_t result)
{
    uint64_t x = SEED;

    for (uint64_t i = 0; i < n * ROW; i++)
        result -= (i % ROW + 1) * ((random_next(&x) & (WORDS / 2 - 1)) + 1);
    return result == 0;
}

/* --- all of them ---------------------------------------------------------- */

const struct kernel kernels[KERNELS] = {
    {"gups", gups_prepare, gups_run, gups_is_right, 200000, true},
    {"chase", chase_prepare, chase_run, chase_is_right, 200000, false},
    {"stream", stream_prepare, stream_run, stream_is_right, 200000, false},
    {"join", join_prepare, join_run, join_is_right, 200000, false},
    {"btree", tree_prepare, tree_run, tree_is_right, 20000, false},
    {"matrix", matrix_prepare, matrix_run, matrix_is_right, 25000, false},
};
