/* SPDX-License-Identifier: MIT */
/*
 * qemu_plugin.h: as much of QEMU's interface to TCG plugins, version 1, as is
 * used here. Debian's qemu-system-x86 7.2 takes plugins and comes without the
 * header, so these are the facts as QEMU documents them ("QEMU TCG Plugins",
 * API) and as the symbols of its binary are.
 *
 * What that version does not have is a way to the registers of a vCPU. The
 * binary exports the function that serves its own gdb stub; by that one CR3 is
 * read. qemu_registers() of plugin.c looks for it, and a QEMU that has it not
 * is refused with a line that says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QEMU_PLUGIN_EXPORT  __attribute__((visibility("default")))
#define QEMU_PLUGIN_VERSION 1

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;

typedef struct qemu_info_t {
    const char *target_name;
    struct {
        int min, cur;
    } version;
    bool system_emulation;
    struct {
        int smp_vcpus, max_vcpus;
    } system;
} qemu_info_t;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_RW = 3 };

/* Supplied by a plugin. */
extern QEMU_PLUGIN_EXPORT int qemu_plugin_version;
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
                                           const qemu_info_t *info, int argc,
                                           char **argv);

/* Called when a block of instructions is translated; ... */
void qemu_plugin_register_vcpu_tb_trans_cb(
    qemu_plugin_id_t id,
    void (*fn)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

/* ... before it is executed, before an instruction is, after an access. */
typedef void qemu_plugin_exec_fn(unsigned vcpu, void *data);
typedef void qemu_plugin_mem_fn(unsigned vcpu, qemu_plugin_meminfo_t info,
                                uint64_t va, void *data);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
                                          qemu_plugin_exec_fn *fn,
                                          enum qemu_plugin_cb_flags flags,
                                          void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            qemu_plugin_exec_fn *fn,
                                            enum qemu_plugin_cb_flags flags,
                                            void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                      qemu_plugin_mem_fn *fn,
                                      enum qemu_plugin_cb_flags flags,
                                      enum qemu_plugin_mem_rw rw, void *data);

/* Of an access, in its callback: log2 of its bytes, and where in RAM it was. */
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t info,
                                                  uint64_t va);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *hwaddr);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *hwaddr);

/* Not of the interface: GLib's array of bytes, and what fills it. */
struct qemu_bytes {
    uint8_t *data;
    unsigned size;
};
typedef struct qemu_bytes *qemu_new_bytes_fn(void);
typedef struct qemu_bytes *qemu_resize_fn(struct qemu_bytes *b, unsigned size);
typedef void *qemu_cpu_fn(int vcpu);
typedef int qemu_register_fn(void *cpu, struct qemu_bytes *to, int number);
