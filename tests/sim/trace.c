/* SPDX-License-Identifier: MIT */
/* trace.c: see trace.h. */
#include "trace.h"

#include <inttypes.h>
#include <string.h>

void trace_begin(FILE *f, const struct allocator_config *c)
{
    fprintf(f,
            "sim-trace 1 blocks=%" PRIu64 " reserve=%" PRIu64
            " cpus=%u goal=%u\n",
            c->blocks, c->reserve, c->cpus, c->goal);
}

bool trace_open(FILE *f, struct allocator_config *c)
{
    return fscanf(f,
                  "sim-trace 1 blocks=%" SCNu64 " reserve=%" SCNu64
                  " cpus=%u goal=%u\n",
                  &c->blocks, &c->reserve, &c->cpus, &c->goal) == 4 &&
           c->blocks > 1 && c->blocks <= UINT64_C(1) << 23 && c->cpus > 0;
}

void trace_write(FILE *f, const struct trace_op *op)
{
    uint64_t bits;

    memcpy(&bits, &op->hours, sizeof(bits));
    fprintf(f, "%016" PRIx64 " %c %u %u %" PRIu64 " %" PRIu64 "\n", bits,
            (char)op->kind, op->order, op->owner, op->tag, op->n);
}

int trace_read(FILE *f, struct trace_op *op)
{
    uint64_t bits;
    char kind;
    int n = fscanf(f, "%" SCNx64 " %c %u %u %" SCNu64 " %" SCNu64 "\n", &bits,
                   &kind, &op->order, &op->owner, &op->tag, &op->n);

    if (n == EOF)
        return 0;
    if (n != 6 || !strchr("BEGAPHSTtNnICM", kind))
        return -1;
    memcpy(&op->hours, &bits, sizeof(bits));
    op->kind = (enum trace_kind)kind;
    return 1;
}
