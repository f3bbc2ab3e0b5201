/* SPDX-License-Identifier: MIT */
/*
 * print.c: a small formatter. It never writes past the buffer it was given and
 * always ends it with a NUL.
 */
#include "guest/lib/print.h"

#include "guest/lib/console.h"
#include "guest/lib/string.h"

struct out {
    char *buf;
    size_t size;
    size_t used;
};

struct spec {
    bool left;
    bool zero;
    bool alt;
    bool wide; /* 64 bit argument */
    int width;
    int precision; /* of a string: at most that many bytes; -1: all */
};

static void put(struct out *o, char c)
{
    if (o->used + 1 < o->size)
        o->buf[o->used] = c;
    o->used++;
}

static void put_padded(struct out *o, const struct spec *s, const char *text,
                       int len)
{
    for (int i = len; !s->left && i < s->width; i++)
        put(o, ' ');
    for (int i = 0; i < len; i++)
        put(o, text[i]);
    for (int i = len; s->left && i < s->width; i++)
        put(o, ' ');
}

static void put_number(struct out *o, const struct spec *s, uint64_t v,
                       unsigned base, bool negative)
{
    char text[32];
    int at = sizeof(text);
    do {
        text[--at] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    int prefix = (negative ? 1 : 0) + (s->alt && base == 16 ? 2 : 0);
    while (s->zero && !s->left && (int)sizeof(text) - at + prefix < s->width &&
           at > 4)
        text[--at] = '0';
    if (s->alt && base == 16) {
        text[--at] = 'x';
        text[--at] = '0';
    }
    if (negative)
        text[--at] = '-';
    put_padded(o, s, text + at, (int)sizeof(text) - at);
}

/* Digits, or a '*' for an argument. */
static const char *parse_count(const char *f, int *count, va_list *args)
{
    *count = 0;
    if (*f == '*') {
        *count = va_arg(*args, int);
        return f + 1;
    }
    while (*f >= '0' && *f <= '9')
        *count = *count * 10 + (*f++ - '0');
    return f;
}

static const char *parse_spec(const char *f, struct spec *s, va_list *args)
{
    *s = (struct spec){.precision = -1};
    for (;; f++) {
        if (*f == '-')
            s->left = true;
        else if (*f == '0')
            s->zero = true;
        else if (*f == '#')
            s->alt = true;
        else
            break;
    }
    f = parse_count(f, &s->width, args);
    if (*f == '.')
        f = parse_count(f + 1, &s->precision, args);
    while (*f == 'l' || *f == 'z') {
        s->wide = true;
        f++;
    }
    return f;
}

static void put_signed(struct out *o, const struct spec *s, int64_t v)
{
    uint64_t magnitude = v < 0 ? ~(uint64_t)v + 1 : (uint64_t)v;
    put_number(o, s, magnitude, 10, v < 0);
}

static int length(const char *text, int limit)
{
    int n = 0;
    while (n != limit && text[n])
        n++;
    return n;
}

/* One conversion; a macro cannot, a function may take va_list by pointer. */
static void put_arg(struct out *o, struct spec *s, char kind, va_list *args)
{
    const char *text;
    char c;
    switch (kind) {
    case 'c':
        c = (char)va_arg(*args, int);
        put_padded(o, s, &c, 1);
        break;
    case 's':
        text = va_arg(*args, const char *);
        text = text ? text : "(null)";
        put_padded(o, s, text, length(text, s->precision));
        break;
    case 'd':
    case 'i':
        put_signed(o, s, s->wide ? va_arg(*args, int64_t) : va_arg(*args, int));
        break;
    case 'p':
        s->alt = s->wide = true;
        /* fall through */
    case 'x':
    case 'u':
        put_number(o, s,
                   s->wide ? va_arg(*args, uint64_t) : va_arg(*args, unsigned),
                   kind == 'u' ? 10 : 16, false);
        break;
    default:
        put(o, kind);
        break;
    }
}

int format_v(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out o = {buf, size, 0};
    struct spec s;
    va_list ap;
    va_copy(ap, args);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        fmt = parse_spec(fmt + 1, &s, &ap);
        if (!*fmt)
            break;
        put_arg(&o, &s, *fmt, &ap);
    }
    va_end(ap);
    if (size)
        buf[MIN(o.used, size - 1)] = '\0';
    return (int)o.used;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = format_v(buf, size, fmt, args);
    va_end(args);
    return n;
}

void printk(const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    int n = format_v(line, sizeof(line), fmt, args);
    va_end(args);
    console_write(line, MIN((size_t)n, sizeof(line) - 1));
}
