/* SPDX-License-Identifier: MIT */
/* Any bytes typed: the line stays one, and is drawn within its row. */
#include "tests/control/line_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct line l;
    char out[LINE_DRAW(ROW_COLUMNS)];

    line_init(&l);
    for (size_t i = 0; i < size; i++) {
        enum line_event e = line_key(&l, data[i]);
        struct row r = {.cursor = 0};

        if (e == LINE_DONE)
            line_start(&l);
        if (e == LINE_COMPLETE)
            line_insert(&l, (const char *)data, i);
        line_check(&l);
        row_write(&r, out,
                  line_draw(&l, "flagstone> ", ROW_COLUMNS, out, sizeof(out)));
    }
    return 0;
}
