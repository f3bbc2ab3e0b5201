/* SPDX-License-Identifier: MIT */
/*
 * user.c: user mode as a 64-bit PV kernel has it: two roots per process. The
 * kernel's root maps both halves, the user's root only the lower one; the
 * hypervisor switches between them on the way in and out.
 */
#include "guest/lib/user.h"

#include "guest/lib/guest.h"

#define USER_PAGE (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

void user_run_at(uint64_t rip, uint64_t rflags, uint64_t iret_flags,
                 uint64_t arg)
{
    struct iret_context ctx = {
        .flags = iret_flags,
        .rip = rip,
        .cs = FLAT_USER_CS,
        .rflags = rflags,
        .rsp = USER_STACK,
        .ss = FLAT_USER_SS,
    };
    guest_user_run(&ctx, arg);
}

void user_run(uint64_t arg)
{
    user_run_at(USER_CODE, 0x202, 0, arg);
}

static const pfn_t *frames_of(const struct user_space *u, unsigned *count)
{
    _Static_assert(sizeof(*u) % sizeof(pfn_t) == 0, "only frames inside");
    *count = sizeof(*u) / sizeof(pfn_t);
    return &u->kernel_root;
}

void user_space_load(struct user_space *u, const char *from, const char *end)
{
    memset(frame_va(u->code), 0xcc, PAGE_SIZE);
    memcpy(frame_va(u->code), from, (size_t)(end - from));
}

void user_space_build(struct user_space *u, const char *from, const char *end)
{
    u->kernel_root = tree_kernel_root();
    frame_make_rw(u->kernel_root);
    pfn_t *rest[] = {&u->user_root, &u->l3,   &u->l2,   &u->l1,
                     &u->code,      &u->data, &u->stack};
    for (unsigned i = 0; i < ARRAY_SIZE(rest); i++)
        *rest[i] = frame_alloc();
    user_space_load(u, from, end);
    unsigned page = pt_index(USER_CODE, 1);
    tree_poke(u->l1, page, frame_mfn(u->code), USER_PAGE & ~PTE_RW);
    tree_poke(u->l1, page + 1, frame_mfn(u->data), USER_PAGE | PTE_NX);
    tree_poke(u->l1, page + 2, frame_mfn(u->stack), USER_PAGE | PTE_NX);
    tree_poke(u->l2, pt_index(USER_CODE, 2), frame_mfn(u->l1), PT_TABLE);
    tree_poke(u->l3, 0, frame_mfn(u->l2), PT_TABLE);
    tree_poke(u->kernel_root, 0, frame_mfn(u->l3), PT_TABLE);
    tree_poke(u->user_root, 0, frame_mfn(u->l3), PT_TABLE);
    pfn_t tables[] = {u->l1, u->l2, u->l3, u->user_root, u->kernel_root};
    for (unsigned i = 0; i < ARRAY_SIZE(tables); i++)
        frame_make_ro(tables[i]);
}

void user_space_enter(struct user_space *u)
{
    CHECK_EQ(pt_pin(u->kernel_root, 4), 0);
    CHECK_EQ(pt_pin(u->user_root, 4), 0);
    CHECK_EQ(pt_op(MMUEXT_NEW_BASEPTR, frame_mfn(u->kernel_root)), 0);
    CHECK_EQ(pt_op(MMUEXT_NEW_USER_BASEPTR, frame_mfn(u->user_root)), 0);
}

void user_space_leave(struct user_space *u)
{
    CHECK_EQ(pt_op(MMUEXT_NEW_BASEPTR, frame_mfn(pt_root())), 0);
    CHECK_EQ(pt_op(MMUEXT_NEW_USER_BASEPTR, mfn_of(0)), 0);
    CHECK_EQ(pt_unpin(u->user_root), 0);
    CHECK_EQ(pt_unpin(u->kernel_root), 0);
}

void user_space_free(struct user_space *u)
{
    unsigned count;
    const pfn_t *frames = frames_of(u, &count);
    for (unsigned i = 0; i < count; i++) {
        frame_make_rw(frames[i]);
        frame_free(frames[i]);
    }
}
