/* SPDX-License-Identifier: MIT */
/*
 * traps.c: what the guest's kernel gets for its own exceptions and page faults
 * and for those of its user mode, and the way back. The handlers are the
 * shortest there are: they drop what was pushed, step over the instruction, and
 * go into the iret hypercall.
 *
 * Each trap is first taken by the runtime's handler, which says what it was.
 */
#include "guest/paths/paths.h"

#define MANY 32u

/* A handler: of an exception with an error code, or of one without; and what
 * the instruction took, so that it goes on behind it. */
#define HANDLER(name, code, step)                                              \
    __asm__(".pushsection .text\n" #name ":\n"                                 \
            "    pop %rcx\n"                                                   \
            "    pop %r11\n" code step "    pushq $0\n"                        \
            "    jmp hypercall_page + 23 * 32\n"                               \
            ".popsection");                                                    \
    extern char name[]
#define NO_CODE ""
#define CODE    "    add $8, %rsp\n"
#define BEHIND  ""
#define OVER(n) "    addq $" #n ", (%rsp)\n"
/* It was a call: what that pushed is where it goes on. */
#define RETURN                                                                 \
    "    mov 24(%rsp), %rcx\n"                                                 \
    "    mov (%rcx), %rcx\n"                                                   \
    "    mov %rcx, (%rsp)\n"                                                   \
    "    addq $8, 24(%rsp)\n"
HANDLER(paths_behind, NO_CODE, BEHIND);
HANDLER(paths_over2, NO_CODE, OVER(2));
HANDLER(paths_code_over2, CODE, OVER(2));
HANDLER(paths_no_step, NO_CODE, "    andl $~0x100, 16(%rsp)\n");
HANDLER(paths_code_over6, CODE, OVER(6));
HANDLER(paths_code_return, CODE, RETURN);

static uint64_t operand; /* of each, in RAX */

#define TRAP(name, text)                                                       \
    static void name(unsigned n)                                               \
    {                                                                          \
        const uint64_t rax = operand;                                          \
        for (unsigned i = 0; i < n; i++)                                       \
            __asm__ volatile(text : : "a"(rax) : "rcx", "r11", "memory");      \
    }
TRAP(do_int3, "int3")
TRAP(do_ud2, "ud2")
TRAP(do_divide, "divb %%al") /* AL is 0 */
TRAP(do_step, "pushf; orl $0x100, (%%rsp); popf; nop")
TRAP(do_int80, "int $0x80")
TRAP(do_load, "movb (%%rax), %%cl")
TRAP(do_store, "movb %%al, (%%rax)")
TRAP(do_selector, "movl %%eax, %%ds")
TRAP(do_call, "call *%%rax")

struct trap_kind {
    const char *way;
    path_fn_t *fn;
    uint64_t operand;
    unsigned vector;
    unsigned code;
    char *handler;
};

static struct trap_info table[257];

static void take(unsigned vector, char *handler)
{
    trap_fill_table(table);
    for (unsigned v = 0; v < 256; v++) /* as INT n needs it */
        table[v].flags = 3;
    table[vector].address = (uint64_t)handler;
    REQUIRE(hc_set_trap_table(table) == 0);
}

static void try_one(void *fn)
{
    ((path_fn_t *)fn)(1);
}

/* By the runtime's handler: is it what it should be? */
static bool is_as_it_should(const struct trap_kind *k)
{
    trap_init();
    report_context("%s", k->way);
    operand = k->operand;
    REQUIRE(guest_try(try_one, (void *)k->fn) == 1);
    if (trap_last.vector != k->vector || trap_last.error != k->code)
        printk("%s: vector %lu, code %lu\n", k->way, trap_last.vector,
               trap_last.error);
    return trap_last.vector == k->vector && trap_last.error == k->code;
}

static void measure(const char *row, const struct trap_kind *k)
{
    if (!is_as_it_should(k)) {
        CHECK(false);
        return;
    }
    take(k->vector, k->handler);
    path_warm(row, k->way, k->fn, MANY);
    trap_init();
}

#define NON_CANONICAL (UINT64_C(1) << 63)

static void exceptions(void)
{
    static const char row[] = "exception_bounce_iret";
    static const struct trap_kind kinds[] = {
        {"#UD", do_ud2, 0, TRAP_UD, 0, paths_over2},
        {"#DE", do_divide, 0, TRAP_DE, 0, paths_over2},
        {"#DB, a single step", do_step, 0, TRAP_DB, 0, paths_no_step},
        {"#GP, an address that is not canonical", do_load, NON_CANONICAL,
         TRAP_GP, 0, paths_code_over2},
        {"#GP, a selector", do_selector, 0xfff8, TRAP_GP, 0xfff8,
         paths_code_over2},
    };
    take(TRAP_BP, paths_behind);
    path_cold(row, do_int3, 1);
    trap_init();
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        measure(row, &kinds[i]);
}

/* INT n of its kernel: the hypervisor sees a #GP. */
static void software(void)
{
    static const struct trap_kind soft = {"INT 0x80", do_int80, 0,
                                          0x80,       0,        paths_behind};
    take(soft.vector, soft.handler);
    path_warm("exception_bounce_iret", soft.way, soft.fn, MANY);
    trap_init();
}

/* --- page faults ------------------------------------------------------------
 */

#define AT PATH_WINDOW

static void change_and_load(unsigned n)
{
    const uint64_t value = pte_make(frame_mfn(path_block[0]), PT_KERNEL_RW).v;
    for (unsigned i = 0; i < n; i++) {
        path_must(!hc_update_va_mapping(AT, value, UVMF_INVLPG) &&
                      !hc_update_va_mapping(AT, 0, UVMF_INVLPG),
                  "update_va_mapping");
        do_load(1);
    }
}

static void change_only(unsigned n)
{
    const uint64_t value = pte_make(frame_mfn(path_block[0]), PT_KERNEL_RW).v;
    for (unsigned i = 0; i < n; i++)
        path_must(!hc_update_va_mapping(AT, value, UVMF_INVLPG) &&
                      !hc_update_va_mapping(AT, 0, UVMF_INVLPG),
                  "update_va_mapping");
}

static void after_a_change(const char *row)
{
    operand = AT;
    take(TRAP_PF, paths_code_over2);
    const uint64_t changes = path_least(change_only, MANY);
    path_row(row, "the entry cleared just before",
             path_least(change_and_load, MANY) - changes, MANY);
    trap_init();
}

static void faults(void)
{
    static const char row[] = "page_fault_iret";
    const uint64_t there = AT + PAGE_SIZE, table_va = there + PAGE_SIZE;
    const pfn_t frame = path_block[0];
    const struct trap_kind kinds[] = {
        {"no table for it", do_load, UINT64_C(0xffffe00000000000), TRAP_PF, 0,
         paths_code_over2},
        {"a load of user space", do_load, 0x5000, TRAP_PF, 0, paths_code_over2},
        {"a store", do_store, AT, TRAP_PF, PF_WRITE, paths_code_over2},
        {"a store to a read-only page", do_store, there, TRAP_PF,
         PF_WRITE | PF_PRESENT, paths_code_over2},
        {"a store to a page table", do_store, table_va, TRAP_PF,
         PF_WRITE | PF_PRESENT, paths_code_over2},
        {"a call", do_call, AT, TRAP_PF, PF_INSN, paths_code_return},
    };
    REQUIRE(pt_map(there, frame_mfn(frame), PT_KERNEL_RO) == 0);
    REQUIRE(pt_map(table_va, frame_mfn(pt_root()), PT_KERNEL_RO) == 0);
    operand = AT;
    take(TRAP_PF, paths_code_over2);
    path_cold(row, do_load, 1);
    trap_init();
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        measure(row, &kinds[i]);
    after_a_change(row);
    REQUIRE(pt_unmap(there) == 0);
    REQUIRE(pt_unmap(table_va) == 0);
}

/* --- of user mode -----------------------------------------------------------
 */

/* Each does it RDI times, then makes a system call. */
#define PROGRAM(name, text)                                                    \
    __asm__(".pushsection .rodata\n" #name ":\n" text "    dec %rdi\n"         \
            "    jnz " #name "\n"                                              \
            "    syscall\n" #name "_end:\n"                                    \
            ".popsection");                                                    \
    extern const char name[], name##_end[]
PROGRAM(paths_user_int3, "    int3\n");
PROGRAM(paths_user_ud2, "    ud2\n");
PROGRAM(paths_user_load, "    movb (%rax), %cl\n");  /* RAX is 0 */
PROGRAM(paths_user_store, "    movb %al, (%rip)\n"); /* its own code */

static void in_user_mode(unsigned n)
{
    trap_last.vector = 0;
    user_run(n);
    path_must(trap_last.vector == TRAP_SYSCALL, "a program's end");
}

static void of_user(struct user_space *u, const char *row, const char *way,
                    const char *from, const char *end, unsigned vector,
                    char *handler)
{
    user_space_load(u, from, end);
    user_run(1);
    report_context("%s", way);
    CHECK_EQ(trap_last.vector, vector);
    take(vector, handler);
    /* Into user mode and out of it, once, is in both. */
    const uint64_t one = path_least(in_user_mode, 1);
    path_row(row, way, path_least(in_user_mode, MANY + 1) - one, MANY);
    trap_init();
}

static void user_mode(void)
{
    static struct user_space u;
    user_space_build(&u, paths_user_int3, paths_user_int3_end);
    user_space_enter(&u);
    of_user(&u, "exception_bounce_iret", "#BP of user mode", paths_user_int3,
            paths_user_int3_end, TRAP_BP, paths_behind);
    of_user(&u, "exception_bounce_iret", "#UD of user mode", paths_user_ud2,
            paths_user_ud2_end, TRAP_UD, paths_over2);
    of_user(&u, "page_fault_iret", "a load of user mode", paths_user_load,
            paths_user_load_end, TRAP_PF, paths_code_over2);
    of_user(&u, "page_fault_iret", "a store of user mode, read-only page",
            paths_user_store, paths_user_store_end, TRAP_PF, paths_code_over6);
    user_space_leave(&u);
    user_space_free(&u);
}

void path_traps(void)
{
    exceptions();
    software();
    faults();
    user_mode();
}
