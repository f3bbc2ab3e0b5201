/* SPDX-License-Identifier: MIT */
/*
 * base.h: the vocabulary every part shares: compiler attributes, bits,
 * assertions, the error enum, and distinct types for frame numbers and
 * addresses, so that a pfn can never be passed where an mfn is meant.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define must_check        [[nodiscard]] /* a function, or a type's results */
#define noreturn_fn       __attribute__((noreturn))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define aligned_to(n)     __attribute__((aligned(n)))
#define packed_type       __attribute__((packed))
#define never_inline      __attribute__((noinline))
#ifndef always_inline /* coverage counts a function once */
#define always_inline __attribute__((always_inline)) inline
#endif
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define BIT(n) (UINT64_C(1) << (n))
/* Bits hi..lo inclusive, numbered as the manuals number them. */
#define BITS(hi, lo) ((~UINT64_C(0) >> (63 - (hi))) & (~UINT64_C(0) << (lo)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* Each is looked at once: it may be what others change meanwhile. */
#define MIN(a, b)           PICK(a, <, b, __COUNTER__)
#define MAX(a, b)           PICK(a, >, b, __COUNTER__)
#define PICK(a, than, b, n) PICK_NAMED(a, than, b, n)
#define PICK_NAMED(a, than, b, n)                                              \
    ({                                                                         \
        const __typeof__(1 ? (a) : (b)) a_##n = (a), b_##n = (b);              \
        a_##n than b_##n ? a_##n : b_##n;                                      \
    })
#define container_of(p, type, member)                                          \
    ((type *)(void *)((char *)(p)-offsetof(type, member)))
/*
 * What others change, or look at, meanwhile: one access, of a word that is
 * aligned. PEEK, POKE: of what matters nothing changes meanwhile, so it may be
 * done in whatever way is the fastest. ThreadSanitizer is told by other names.
 */
#ifdef __SANITIZE_THREAD__
#define PEEK(x)          READ_ONCE(x)
#define POKE(x, v)       WRITE_ONCE(x, v)
#define READ_ONCE(x)     __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#else
#define PEEK(x)          (x)
#define POKE(x, v)       ((x) = (v))
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#endif

/*
 * Three levels of certainty: _Static_assert for facts, ASSERT for our own
 * logic, an error return for anything a guest or a person can cause. What
 * ASSERT and BUG_IF are given only looks, so that the code around them does
 * the same without them; what acts, and cannot fail here, goes into MUST.
 * bug() is supplied by hv/arch/panic.c and by the host port.
 */
noreturn_fn void bug(const char *file, int line, const char *what);
#define ASSERT(e)                                                              \
    do {                                                                       \
        if (unlikely(!(e)))                                                    \
            bug(__FILE__, __LINE__, #e);                                       \
    } while (0)
#define BUG_IF(e) ASSERT(!(e))

/*
 * The whole internal error vocabulary; errno exists only at the edge. No caller
 * drops one unseen: where that is meant, it says (void), and why.
 */
enum must_check err {
    ERR_NONE = 0,
    ERR_INVAL,   /* -EINVAL */
    ERR_PERM,    /* -EPERM */
    ERR_BUSY,    /* -EBUSY */
    ERR_NOMEM,   /* -ENOMEM */
    ERR_FAULT,   /* -EFAULT */
    ERR_NOSYS,   /* -ENOSYS */
    ERR_SRCH,    /* -ESRCH */
    ERR_ACCES,   /* -EACCES */
    ERR_NOTSUPP, /* -EOPNOTSUPP */
    ERR_EXIST,   /* -EEXIST */
    ERR_NOENT,   /* -ENOENT */
    ERR_NODEV,   /* -ENODEV */
    ERR_2BIG,    /* -E2BIG */
    ERR_NOSPC,   /* -ENOSPC */
    ERR_RESTART, /* preempted with progress kept; never shown to a guest */
};

/* Does e, which succeeds: it gives ERR_NONE, or true. */
#define MUST(e)                                                                \
    do {                                                                       \
        __typeof__(e) gave_ = (e);                                             \
        const bool failed_ = _Generic(gave_, bool : !gave_, enum err : gave_); \
        if (unlikely(failed_))                                                 \
            bug(__FILE__, __LINE__, "MUST(" #e ")");                           \
    } while (0)

#define PAGE_SHIFT    12
#define PAGE_SIZE     4096u
#define BLOCK_SHIFT   21 /* a block is 2 MiB: 512 frames, aligned */
#define BLOCK_SIZE    (UINT64_C(1) << BLOCK_SHIFT)
#define BLOCK_FRAMES  512u
#define REGION_BLOCKS 512u /* a region is 1 GiB */

typedef struct {
    uint64_t v;
} mfn_t; /* machine frame number */
typedef struct {
    uint64_t v;
} pfn_t; /* the guest's frame number */
typedef struct {
    uint64_t v;
} maddr_t; /* machine address */
typedef struct {
    uint64_t v;
} vaddr_t; /* virtual address */
typedef uint16_t domid_t;

static inline mfn_t mfn_of(uint64_t v)
{
    return (mfn_t){v};
}
static inline pfn_t pfn_of(uint64_t v)
{
    return (pfn_t){v};
}
static inline maddr_t maddr_of(uint64_t v)
{
    return (maddr_t){v};
}
static inline vaddr_t vaddr_of(uint64_t v)
{
    return (vaddr_t){v};
}

static inline mfn_t mfn_of_maddr(maddr_t a)
{
    return mfn_of(a.v >> PAGE_SHIFT);
}
/* CR3, and what the ABI calls by its name: the bits below are not the frame's
 * number, so whether there is a frame is asked of the result (CVE-2011-1166).
 */
static inline mfn_t mfn_of_cr3(uint64_t cr3)
{
    return mfn_of(cr3 >> PAGE_SHIFT);
}
static inline maddr_t maddr_of_mfn(mfn_t m)
{
    return maddr_of(m.v << PAGE_SHIFT);
}
static inline mfn_t mfn_add(mfn_t m, uint64_t n)
{
    return mfn_of(m.v + n);
}
static inline bool mfn_eq(mfn_t a, mfn_t b)
{
    return a.v == b.v;
}

#define MFN_NONE ((mfn_t){~UINT64_C(0)})
#define PFN_NONE ((pfn_t){~UINT64_C(0)})

/* 48-bit canonical form (SDM vol. 1, 3.3.7.1). */
static inline bool va_canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}
