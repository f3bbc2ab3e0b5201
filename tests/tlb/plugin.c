/* SPDX-License-Identifier: MIT */
/*
 * plugin.c: what QEMU says of each access, given to the observer of its vCPU
 * (count.h), between the marks of a program (flagstone/mark.h). At each end
 * mark the counts go to a file, as one JSON object per line.
 *
 * Arguments: ram=FILE, the machine's memory, which QEMU shares (-object
 * memory-backend-file,share=on); out=FILE.
 *
 * A vCPU's observer is used by that vCPU's thread only. Outside of the marks
 * nothing is looked at; at the begin mark everything is empty. Each walk is
 * compared with where QEMU's own translation led: what differs is counted, and
 * there must be none.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tlb/count.h"
#include "tests/tlb/insn.h"
#include "tests/tlb/qemu_plugin.h"

#define VCPUS 64u

/* An instruction that matters, as it was translated. */
struct special {
    enum insn_kind kind;
    uint8_t code[15];
    size_t n;
    uint64_t next;
};

struct vcpu {
    struct observer observer;
    unsigned region;               /* whose counts these are; 0: none yet */
    const struct special *pending; /* executed; the next block sees to it */
    uint64_t control;              /* CR4 */
    uint64_t checked, wrong;       /* walks */
};

int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct vcpu *vcpus[VCPUS];
static unsigned region; /* 0 between two */
static unsigned regions;
static struct ram ram;
static const char *ram_path;
static FILE *out;

static void give_up(const char *why, const char *what)
{
    fprintf(stderr, "tlb: %s: %s\n", why, what);
    exit(1);
}

/* --- registers ------------------------------------------------------------ */

static qemu_cpu_fn *find_cpu;
static qemu_register_fn *read_register;
static qemu_resize_fn *resize;
static qemu_new_bytes_fn *new_bytes;

/* As QEMU's gdb stub numbers them (target/i386: 64-bit, with control
 * registers).
 */
#define GDB_CR3 29
#define GDB_CR4 30
static const int gdb_of[INSN_REGISTERS] = {0, 2, 3,  1,  7,  6,  4,  5,
                                           8, 9, 10, 11, 12, 13, 14, 15};

static void *symbol(const char *name)
{
    void *p = dlsym(RTLD_DEFAULT, name);

    if (!p)
        give_up("this QEMU does not export", name);
    return p;
}

static void qemu_registers(void)
{
    find_cpu = (qemu_cpu_fn *)symbol("qemu_get_cpu");
    read_register = (qemu_register_fn *)symbol("x86_cpu_gdb_read_register");
    new_bytes = (qemu_new_bytes_fn *)symbol("g_byte_array_new");
    resize = (qemu_resize_fn *)symbol("g_byte_array_set_size");
}

/* At the beginning of a block, when QEMU has them all in memory; control
 * registers are always there. */
static uint64_t register_of(unsigned vcpu, int number)
{
    static __thread struct qemu_bytes *bytes;
    uint64_t value;

    if (!bytes)
        bytes = new_bytes();
    resize(bytes, 0);
    if (read_register(find_cpu((int)vcpu), bytes, number) != sizeof(value))
        give_up("a register has not 64 bits", "not in 64-bit mode?");
    memcpy(&value, bytes->data, sizeof(value));
    return value;
}

/* --- regions -------------------------------------------------------------- */

/* QEMU's pc: 3 GiB below the hole, if all does not fit into 3.5 GiB. */
static void map_ram(void)
{
    const int file = open(ram_path, O_RDONLY);
    struct stat st;

    if (file < 0 || fstat(file, &st))
        give_up("no such RAM", ram_path);
    ram.size = (uint64_t)st.st_size;
    ram.below = ram.size < 0xe0000000 ? ram.size : 0xc0000000;
    ram.base = mmap(NULL, ram.size, PROT_READ, MAP_SHARED, file, 0);
    if (ram.base == MAP_FAILED)
        give_up("cannot be mapped", ram_path);
    close(file);
}

static struct vcpu *new_vcpu(void)
{
    struct vcpu *v = calloc(1, sizeof(*v));

    if (!v || !observer_init(&v->observer, &ram))
        give_up("no memory", "for a vCPU");
    return v;
}

static void enter(struct vcpu *v, unsigned id, unsigned now)
{
    observer_clear(&v->observer, register_of(id, GDB_CR3));
    v->control = register_of(id, GDB_CR4);
    v->checked = v->wrong = 0;
    v->pending = NULL;
    v->region = now;
}

/* NULL: nothing is measured. */
static struct vcpu *measured(unsigned id)
{
    const unsigned now = READ_ONCE(region);

    if (likely(!now))
        return NULL;
    if (id >= VCPUS)
        give_up("more vCPUs than", "64");
    if (!vcpus[id])
        vcpus[id] = new_vcpu();
    if (vcpus[id]->region != now)
        enter(vcpus[id], id, now);
    return vcpus[id];
}

static void begin(void)
{
    if (!ram.base)
        map_ram();
    WRITE_ONCE(region, ++regions);
}

static const char *const size_name[PAGE_SIZES] = {"4k", "2m", "1g"};
static const char *const side_name[SIDES] = {"code", "data"};

static void write_count(unsigned id, unsigned model, enum who who,
                        enum mmu_side side, enum page_size size)
{
    const struct count c =
        observer_count(&vcpus[id]->observer, model, who, side, size);

    if (!c.accesses)
        return;
    fprintf(
        out,
        "{\"region\":%u,\"vcpu\":%u,\"family\":\"%s\",\"paging\":\"%s\","
        "\"who\":\"%s\",\"side\":\"%s\",\"page\":\"%s\",\"accesses\":%" PRIu64
        ",\"l1_misses\":%" PRIu64 ",\"walks\":%" PRIu64 ",\"refs\":%" PRIu64
        "}\n",
        regions, id, model_setup(model).family->name, model_paging(model),
        who_name(who), side_name[side], size_name[size], c.accesses,
        c.l1_misses, c.walks, c.refs);
}

static void write_model(unsigned id, unsigned model)
{
    for (enum who w = WHO_USER; w < WHOS; w++)
        for (enum mmu_side s = SIDE_CODE; s < SIDES; s++)
            for (enum page_size p = PAGE_4K; p < PAGE_SIZES; p++)
                write_count(id, model, w, s, p);
}

static void write_vcpu(unsigned id)
{
    const struct vcpu *v = vcpus[id];

    fprintf(out,
            "{\"region\":%u,\"vcpu\":%u,\"checked\":%" PRIu64
            ",\"wrong\":%" PRIu64 ",\"lost\":%" PRIu64
            ",\"root_loads\":%" PRIu64 ",\"page_flushes\":%" PRIu64
            ",\"flushes\":%" PRIu64 "}\n",
            regions, id, v->checked, v->wrong, v->observer.lost,
            v->observer.flushes.loads, v->observer.flushes.pages,
            v->observer.flushes.all);
    for (unsigned m = 0; m < MODELS; m++)
        write_model(id, m);
}

static void end(void)
{
    WRITE_ONCE(region, 0);
    for (unsigned id = 0; id < VCPUS; id++)
        if (vcpus[id] && vcpus[id]->region == regions)
            write_vcpu(id);
    fflush(out);
}

/* --- what is executed ----------------------------------------------------- */

#define CONTROL_PGE BIT(7)

static uint64_t operand(unsigned id, const struct special *s)
{
    uint64_t reg[INSN_REGISTERS];

    for (unsigned i = 0; i < INSN_REGISTERS; i++)
        reg[i] = register_of(id, gdb_of[i]);
    return insn_operand(s->code, s->n, reg, s->next);
}

static void load_control(struct vcpu *v, uint64_t value)
{
    if ((v->control ^ value) & CONTROL_PGE)
        observer_flush(&v->observer);
    v->control = value;
}

/* QEMU ends a block behind each of them: they have had their effect. */
static void see_to(struct vcpu *v, unsigned id)
{
    const struct special *s = v->pending;

    v->pending = NULL;
    if (s->kind == INSN_LOAD_ROOT)
        observer_load_root(&v->observer, register_of(id, GDB_CR3));
    else if (s->kind == INSN_CONTROL)
        load_control(v, register_of(id, GDB_CR4));
    else if (s->kind == INSN_FLUSH_PAGE)
        observer_flush_page(&v->observer, operand(id, s));
    else
        observer_flush(&v->observer);
}

static void on_special(unsigned id, void *data)
{
    const struct special *s = data;
    struct vcpu *v;

    if (s->kind == INSN_BEGIN)
        begin();
    else if (s->kind == INSN_END)
        end();
    else if ((v = measured(id)))
        v->pending = s;
}

/* A block as it was translated: its code is fetched from one page, or two. */
struct block {
    uint64_t first, last;
    enum who who;
};

static void on_block(unsigned id, void *data)
{
    const struct block *b = data;
    struct vcpu *v = measured(id);
    struct walk w;

    if (!v)
        return;
    if (v->pending)
        see_to(v, id);
    observer_access(&v->observer, b->who, SIDE_CODE, b->first, &w);
    if ((b->first ^ b->last) >> PAGE_SHIFT)
        observer_access(&v->observer, b->who, SIDE_CODE, b->last, &w);
}

static void check(struct vcpu *v, qemu_plugin_meminfo_t info, uint64_t va,
                  const struct walk *w)
{
    struct qemu_plugin_hwaddr *hw = qemu_plugin_get_hwaddr(info, va);
    uint64_t offset;

    if (!hw || qemu_plugin_hwaddr_is_io(hw))
        return;
    v->checked++;
    if (!ram_offset(&ram, w->to, &offset) ||
        offset != qemu_plugin_hwaddr_phys_addr(hw))
        v->wrong++;
}

static void on_access(unsigned id, qemu_plugin_meminfo_t info, uint64_t va,
                      void *data)
{
    const enum who who = (enum who)(uintptr_t)data;
    struct vcpu *v = measured(id);
    uint64_t last;
    struct walk w;

    if (!v)
        return;
    if (observer_access(&v->observer, who, SIDE_DATA, va, &w))
        check(v, info, va, &w);
    last = va + BIT(qemu_plugin_mem_size_shift(info)) - 1;
    if (unlikely((va ^ last) >> PAGE_SHIFT))
        observer_access(&v->observer, who, SIDE_DATA, last, &w);
}

/* --- what is translated --------------------------------------------------- */

/* What callbacks are given is kept: blocks may be executed as long as QEMU is.
 */
static void *kept(const void *what, size_t size)
{
    void *p = malloc(size);

    if (!p)
        give_up("no memory", "for a block");
    return memcpy(p, what, size);
}

static uint64_t behind(const struct qemu_plugin_insn *insn)
{
    return qemu_plugin_insn_vaddr(insn) + qemu_plugin_insn_size(insn);
}

static void watch(struct qemu_plugin_insn *insn, enum who who)
{
    struct special s = {.n = qemu_plugin_insn_size(insn), .next = behind(insn)};

    qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS,
                                     QEMU_PLUGIN_MEM_RW,
                                     (void *)(uintptr_t)who);
    s.n = MIN(s.n, sizeof(s.code));
    memcpy(s.code, qemu_plugin_insn_data(insn), s.n);
    s.kind = insn_kind(s.code, s.n);
    if (s.kind != INSN_OTHER)
        qemu_plugin_register_vcpu_insn_exec_cb(
            insn, on_special, QEMU_PLUGIN_CB_NO_REGS, kept(&s, sizeof(s)));
}

/* Firmware and boot loader stay in the lower half, and mark nothing; they take
 * half as long when nobody watches. */
static bool is_before_all(uint64_t va)
{
    static bool upper;

    if (va >> 63 && !READ_ONCE(upper))
        WRITE_ONCE(upper, true);
    return !READ_ONCE(upper);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t n = qemu_plugin_tb_n_insns(tb);
    struct block b = {.first = qemu_plugin_tb_vaddr(tb)};

    (void)id;
    if (is_before_all(b.first))
        return;
    b.who = who_at(b.first);
    b.last = behind(qemu_plugin_tb_get_insn(tb, n - 1)) - 1;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS,
                                         kept(&b, sizeof(b)));
    for (size_t i = 0; i < n; i++)
        watch(qemu_plugin_tb_get_insn(tb, i), b.who);
}

static const char *value_of(int argc, char **argv, const char *name)
{
    const size_t n = strlen(name);

    for (int i = 0; i < argc; i++)
        if (!strncmp(argv[i], name, n) && argv[i][n] == '=')
            return strdup(argv[i] + n + 1);
    give_up("an argument is missing", name);
    return NULL;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                        char **argv)
{
    if (!info->system_emulation || strcmp(info->target_name, "x86_64") != 0)
        give_up("for x86_64 machines only, not", info->target_name);
    ram_path = value_of(argc, argv, "ram");
    out = fopen(value_of(argc, argv, "out"), "w");
    if (!out)
        give_up("cannot be written", "out");
    qemu_registers();
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
