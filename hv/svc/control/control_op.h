/* SPDX-License-Identifier: MIT */
/*
 * control_op.h: the operations behind control.h. Each returns ERR_NONE, or
 * has changed nothing and said in c->text why; or ERR_RESTART: call again.
 */
#pragma once

#include "flagstone/control.h"
#include "hv/base/fail.h"
#include "hv/domain/domain.h"

struct control_call {
    struct domain *by;           /* the control guest */
    struct flagstone_control *c; /* a private copy; its name ends with a 0 */
    bool again;                  /* it has said ERR_RESTART before */
    uint64_t left;               /* its own, kept from call to call */
};
typedef enum err (*control_fn)(struct control_call *call);

/* control_look.c */
enum err control_machine(struct control_call *call);
enum err control_domain(struct control_call *call);
enum err control_module(struct control_call *call);
enum err control_read(struct control_call *call);
enum err control_audit(struct control_call *call);

/* control_hardware.c */
enum err control_hardware(struct control_call *call);

/* control_view.c */
enum err control_map(struct control_call *call);
enum err control_who(struct control_call *call);
enum err control_mapping(struct control_call *call);
enum err control_walk(struct control_call *call);
enum err control_regs(struct control_call *call);

/* control_trace.c */
enum err control_trace(struct control_call *call);
enum err control_trace_read(struct control_call *call);

/* control_console.c */
enum err control_log(struct control_call *call);
enum err control_type(struct control_call *call);
enum err control_attach(struct control_call *call);
enum err control_shown(struct control_call *call);

/* control_create.c */
enum err control_create(struct control_call *call);
enum err control_claim(struct control_call *call);

/* control_domain.c */
enum err control_destroy(struct control_call *call);
enum err control_pause(struct control_call *call);
/* As the control guest goes: nobody is left who could let it go on. */
void control_unpause(struct domain *d);
enum err control_end(struct control_call *call);

/* control_ask.c */
enum err control_ask(struct control_call *call);
enum err control_target(struct control_call *call);
enum err control_maxmem(struct control_call *call);
enum err control_vcpus(struct control_call *call);

/* control_image.c */
enum err control_resume(struct control_call *call);
enum err control_relocate(struct control_call *call);
enum err control_save(struct control_call *call);
enum err control_restore(struct control_call *call);
enum err control_image(struct control_call *call);
enum err control_image_drop(struct control_call *call);
enum err control_image_check(struct control_call *call);
enum err control_image_poke(struct control_call *call);
enum err control_image_truncate(struct control_call *call);
enum err control_image_send(struct control_call *call);
enum err control_image_receive(struct control_call *call);

/* control_pressure.c */
enum err control_fill(struct control_call *call);
enum err control_frag(struct control_call *call);
enum err control_drain(struct control_call *call);
enum err control_reserve(struct control_call *call);
enum err control_reuse(struct control_call *call);

/* A domain that is complete, by c->domid; NULL: the text says so. */
struct domain *control_find(struct control_call *call);
/* Is there one of this name, complete or not? */
bool control_name_taken(const char *name);
