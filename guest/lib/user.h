/* SPDX-License-Identifier: MIT */
/*
 * user.h: small programs for the guest's user mode, position independent, and
 * the way to run one. A program ends by a system call (rax, rdi) or a trap.
 */
#pragma once

#include "guest/lib/trap.h"

/* Each is less than a page of code between these symbols. */
#define USER_PROGRAM(name) extern const char name[], name##_end[]
USER_PROGRAM(user_exit);    /* syscall at once with rax = 42 */
USER_PROGRAM(user_add);     /* *USER_DATA += rdi; syscall with the sum */
USER_PROGRAM(user_load);    /* rdi = *rdi; syscall */
USER_PROGRAM(user_store);   /* *rdi = rdi; syscall */
USER_PROGRAM(user_jump);    /* jmp rdi */
USER_PROGRAM(user_ud);      /* ud2 */
USER_PROGRAM(user_bp);      /* int3, then syscall */
USER_PROGRAM(user_int80);   /* int 0x80 */
USER_PROGRAM(user_int40);   /* int 0x40 */
USER_PROGRAM(user_hlt);     /* a privileged instruction */
USER_PROGRAM(user_readcr3); /* another */
USER_PROGRAM(user_sysenter);
USER_PROGRAM(user_syscall);
USER_PROGRAM(user_rdtsc);
USER_PROGRAM(user_port);        /* a byte to and from port rdi */
USER_PROGRAM(user_port_string); /* rdi bytes to USER_DATA, a word back */
USER_PROGRAM(user_port32);      /* for segments of 32 bits; see programs.asm */
USER_PROGRAM(user_string32);
USER_PROGRAM(user_string16);
USER_PROGRAM(user_override32);
USER_PROGRAM(user_port16); /* for one of 16 */
USER_PROGRAM(user_in);     /* a port read */
USER_PROGRAM(user_divide); /* by zero */
USER_PROGRAM(user_loop);   /* until something else happens: jmp . */
USER_PROGRAM(user_gs);     /* rdi = gs:[0]; syscall */
#define USER_EXIT_RAX 42u

#define USER_CODE  UINT64_C(0x400000)
#define USER_DATA  UINT64_C(0x401000)
#define USER_STACK UINT64_C(0x403000) /* its top; the page below is mapped */

/* Run at USER_CODE; what ended it is in trap_last, user_last_*. */
void user_run(uint64_t arg);
void user_run_at(uint64_t rip, uint64_t rflags, uint64_t iret_flags,
                 uint64_t arg);

/* An address space of kernel root and user root. */
struct user_space {
    pfn_t kernel_root; /* the kernel's upper half, and the user's lower */
    pfn_t user_root;   /* the user's lower half only */
    pfn_t l3, l2, l1;
    pfn_t code, data, stack;
};

/* Build from fresh frames, tables closed, nothing pinned. */
void user_space_build(struct user_space *u, const char *from, const char *end);
/* The program is replaced; its frame is writable in the linear map. */
void user_space_load(struct user_space *u, const char *from, const char *end);
/* Pin both roots and make them current. */
void user_space_enter(struct user_space *u);
/* Back to the boot root; unpin. */
void user_space_leave(struct user_space *u);
void user_space_free(struct user_space *u);
