/* SPDX-License-Identifier: MIT */
/*
 * exceptions.c: each exception that a guest can raise arrives with its vector,
 * its error code and the address where it happened (SDM vol. 3, 6.15). Which of
 * them a processor leaves out, as emulators do, is said and is no failure; one
 * that arrives otherwise is.
 */
#include "guest/selfcheck/selfcheck.h"

/*
 * Each raises its exception at or, for a trap, before the label at_NAME. rdi is
 * the argument. guest_try() has saved what is lost.
 */
__asm__(
    ".pushsection .text\n"
    ".macro raise name\n"
    "raise_\\name:\n"
    ".endm\n"
    "raise de\n xorl %ecx, %ecx\n movl $1, %eax\n cltd\n"
    "at_de: idivl %ecx\n ret\n"
    "raise db\n pushfq\n orq $0x100, (%rsp)\n popfq\n nop\n at_db: nop\n ret\n"
    "raise bp\n int3\n at_bp: ret\n"
    "raise of\n int $4\n at_of: ret\n"
    "raise ud\n at_ud: ud2\n ret\n"
    "raise nm\n at_nm: fninit\n ret\n"
    "raise np\n at_np: movw %di, %es\n ret\n"
    "raise ss\n at_ss: movw %di, %ss\n ret\n"
    "raise gp\n at_gp: movw %di, %ss\n ret\n"
    "raise gp0\n at_gp0: lgdt (%rdi)\n ret\n"
    "raise read\n at_read: movq (%rdi), %rax\n ret\n"
    "raise write\n at_write: movq %rax, (%rdi)\n ret\n"
    "raise fetch\n jmp *%rdi\n"
    "raise mf\n fninit\n pushq $0x37b\n fldcw (%rsp)\n fld1\n fldz\n"
    " fdivrp %st, %st(1)\n at_mf: fwait\n popq %rax\n ret\n"
    "raise ac\n pushfq\n orq $0x40000, (%rsp)\n popfq\n"
    "at_ac: movl 1(%rdi), %eax\n"
    " pushfq\n andq $~0x40000, (%rsp)\n popfq\n ret\n"
    "raise xm\n pushq $0x1d80\n ldmxcsr (%rsp)\n popq %rax\n"
    " pxor %xmm1, %xmm1\n movl $1, %eax\n cvtsi2ss %eax, %xmm0\n"
    "at_xm: divss %xmm1, %xmm0\n ret\n"
    ".purgem raise\n"
    ".popsection");

#define DECLARE(name) extern char raise_##name[], at_##name[]
DECLARE(de);
DECLARE(db);
DECLARE(bp);
DECLARE(of);
DECLARE(ud);
DECLARE(nm);
DECLARE(np);
DECLARE(ss);
DECLARE(gp);
DECLARE(gp0);
DECLARE(read);
DECLARE(write);
extern char raise_fetch[];
DECLARE(mf);
DECLARE(ac);
DECLARE(xm);

#define AT     WINDOW(5)
#define ABSENT (5 * 8 | 3) /* a data segment that is not present */
#define BEYOND 0xfff3      /* the table has none so far up */

static unsigned arrived;
static char missing[24], wrong[64];

/* What differs is told of the first. */
static void judge(const char *name, uint64_t vector, uint64_t error,
                  uint64_t rip)
{
    const struct trap_record *t = &trap_last;
    arrived++;
    if (wrong[0] || (t->vector == vector && t->error == error && t->rip == rip))
        return;
    format(wrong, sizeof(wrong), "%s: vector %lu code %lx at %ld, not %lu %lx",
           name, t->vector, t->error, (int64_t)(t->rip - rip), vector, error);
}

static void lacks(const char *name)
{
    char more[sizeof(missing)];
    format(more, sizeof(more), "%s no %s", missing[0] ? missing : ";", name);
    memcpy(missing, more, sizeof(missing));
}

/* `sure`: a processor that does not is broken. */
static void expect(const char *name, char *fn, uint64_t arg, uint64_t vector,
                   uint64_t error, const char *rip, bool sure)
{
    if (guest_try((void (*)(void *))(uint64_t)fn, (void *)arg))
        judge(name, vector, error, (uint64_t)rip);
    else if (sure && !wrong[0])
        format(wrong, sizeof(wrong), "%s does not arrive", name);
    else if (!sure)
        lacks(name);
}

#define SURE(text, name, arg, vector, error)                                   \
    expect(text, raise_##name, arg, vector, error, at_##name, true)
#define MAYBE(text, name, arg, vector, error)                                  \
    expect(text, raise_##name, arg, vector, error, at_##name, false)

static void try_segments(void)
{
    pfn_t page = frame_alloc();
    uint64_t frame = frame_mfn(page).v;
    tree_poke_raw(page, ABSENT / 8, UINT64_C(0x00cf73000000ffff));
    frame_make_ro(page);
    REQUIRE(hc_set_gdt(&frame, 512) == 0);
    SURE("#NP", np, ABSENT, TRAP_NP, ABSENT & ~3u);
    SURE("#SS", ss, ABSENT, TRAP_SS, ABSENT & ~3u);
    SURE("#GP", gp, BEYOND, TRAP_GP, BEYOND & ~3u);
    REQUIRE(hc_set_gdt(NULL, 0) == 0);
    frame_make_rw(page);
    frame_free(page);
}

static void try_pages(void)
{
    pfn_t page = frame_alloc();
    REQUIRE(pt_map(AT, frame_mfn(page), PT_KERNEL_RO | PTE_NX) == 0);
    SURE("#PF", read, AT + PAGE_SIZE, TRAP_PF, 0);
    SURE("#PF", write, AT, TRAP_PF, PF_PRESENT | PF_WRITE);
    expect("#PF", raise_fetch, AT, TRAP_PF, PF_PRESENT | PF_INSN,
           (const char *)AT, true);
    if (!wrong[0] && trap_last.cr2 != AT)
        format(wrong, sizeof(wrong), "#PF: CR2 %lx, not %lx", trap_last.cr2,
               AT);
    REQUIRE(pt_unmap(AT) == 0);
    frame_free(page);
}

static void try_units(void)
{
    static uint64_t words[2] aligned_to(16);
    REQUIRE(hc_fpu_taskswitch(1) == 0);
    SURE("#NM", nm, 0, TRAP_NM, 0);
    REQUIRE(hc_fpu_taskswitch(0) == 0);
    SURE("#MF", mf, 0, TRAP_MF, 0);
    __asm__ volatile("fninit" : : : "memory");
    MAYBE("#AC", ac, (uint64_t)words, TRAP_AC, 0);
    MAYBE("#XM", xm, 0, TRAP_XM, 0);
    const uint32_t usual = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(usual));
}

static unsigned nmis;

static bool on_nmi(struct regs *regs)
{
    nmis += regs->vector == TRAP_NMI;
    return true;
}

static void try_nmi(void)
{
    trap_set_handler(TRAP_NMI, on_nmi);
    REQUIRE(hc_vcpu_op(VCPUOP_send_nmi, 0, NULL) == 0);
    trap_set_handler(TRAP_NMI, NULL);
    arrived += nmis;
    if (nmis != 1 && !wrong[0])
        format(wrong, sizeof(wrong), "NMI: %u times, not once", nmis);
}

void check_exceptions(struct finding *f)
{
    static char gdtr[10];
    SURE("#DE", de, 0, TRAP_DE, 0);
    SURE("#DB", db, 0, TRAP_DB, 0);
    SURE("#BP", bp, 0, TRAP_BP, 0);
    SURE("#OF", of, 0, TRAP_OF, 0);
    SURE("#UD", ud, 0, TRAP_UD, 0);
    SURE("#GP(0)", gp0, (uint64_t)gdtr, TRAP_GP, 0);
    try_segments();
    try_pages();
    try_units();
    try_nmi();
    if (wrong[0])
        found(f, VERDICT_FAIL, "%s", wrong);
    else
        found(f, VERDICT_PASS, "%u, with code and address%s", arrived, missing);
}
