/* SPDX-License-Identifier: MIT */
/*
 * print.c: a small printf. Invariant: never writes beyond buf[size - 1], and
 * an unknown conversion is printed as it stands rather than guessed at.
 */
#include "hv/base/print.h"

struct out {
    char *buf;
    size_t size, len;
};

struct spec {
    bool left, zero;
    int width;
    int precision; /* -1: none */
    int longs;
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void put_padded(struct out *o, const char *s, size_t n,
                       const struct spec *sp)
{
    size_t width = sp->width > 0 ? (size_t)sp->width : 0;
    size_t pad = width > n ? width - n : 0;

    if (!sp->left)
        for (size_t i = 0; i < pad; i++)
            put(o, ' ');
    for (size_t i = 0; i < n; i++)
        put(o, s[i]);
    if (sp->left)
        for (size_t i = 0; i < pad; i++)
            put(o, ' ');
}

static void put_string(struct out *o, const char *s, const struct spec *sp)
{
    size_t n = 0;

    if (!s)
        s = "(null)";
    while ((sp->precision < 0 || n < (size_t)sp->precision) && s[n])
        n++;
    put_padded(o, s, n, sp);
}

static void put_number(struct out *o, uint64_t v, bool negative, unsigned base,
                       const char *digits, const struct spec *sp)
{
    char buf[72];
    size_t at = sizeof(buf);
    size_t zeros = sp->zero && !sp->left && sp->width > 0 && sp->width < 64
                       ? (size_t)sp->width - negative
                       : 0;

    do {
        buf[--at] = digits[v % base];
        v /= base;
    } while (v);
    while (sizeof(buf) - at < zeros)
        buf[--at] = '0';
    if (negative)
        buf[--at] = '-';
    put_padded(o, buf + at, sizeof(buf) - at, sp);
}

static const char *parse_number(const char *f, int *n, va_list *ap)
{
    if (*f == '*') {
        *n = va_arg(*ap, int);
        return f + 1;
    }
    for (*n = 0; *f >= '0' && *f <= '9'; f++)
        if (*n < 1000)
            *n = *n * 10 + (*f - '0');
    return f;
}

static const char *parse_spec(const char *f, struct spec *sp, va_list *ap)
{
    *sp = (struct spec){.precision = -1};
    for (;; f++) {
        if (*f == '-')
            sp->left = true;
        else if (*f == '0')
            sp->zero = true;
        else
            break;
    }
    f = parse_number(f, &sp->width, ap);
    if (*f == '.')
        f = parse_number(f + 1, &sp->precision, ap);
    for (; *f == 'l' || *f == 'z'; f++)
        sp->longs++;
    return f;
}

static uint64_t next_unsigned(const struct spec *sp, va_list *ap)
{
    return sp->longs ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned);
}

static void put_signed(struct out *o, const struct spec *sp, va_list *ap)
{
    int64_t v = sp->longs ? va_arg(*ap, long) : va_arg(*ap, int);

    put_number(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, 10,
               "0123456789", sp);
}

/* One conversion; returns the format behind it. */
static const char *convert(struct out *o, const char *f, va_list *ap)
{
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";
    const char *start = f;
    struct spec sp;
    char c;

    f = parse_spec(f, &sp, ap);
    switch (*f) {
    case 'd':
    case 'i':
        put_signed(o, &sp, ap);
        break;
    case 'u':
        put_number(o, next_unsigned(&sp, ap), false, 10, lower, &sp);
        break;
    case 'x':
        put_number(o, next_unsigned(&sp, ap), false, 16, lower, &sp);
        break;
    case 'X':
        put_number(o, next_unsigned(&sp, ap), false, 16, upper, &sp);
        break;
    case 'p':
        sp.zero = true;
        sp.width = 16;
        put_number(o, (uintptr_t)va_arg(*ap, void *), false, 16, lower, &sp);
        break;
    case 's':
        put_string(o, va_arg(*ap, const char *), &sp);
        break;
    case 'c':
        c = (char)va_arg(*ap, int);
        put_padded(o, &c, 1, &sp);
        break;
    case '%':
        put(o, '%');
        break;
    default:
        put(o, '%');
        return start;
    }
    return f + 1;
}

size_t print_vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = {buf, size, 0};
    va_list args;

    va_copy(args, ap);
    while (*fmt) {
        if (*fmt == '%')
            fmt = convert(&o, fmt + 1, &args);
        else
            put(&o, *fmt++);
    }
    va_end(args);
    if (size)
        buf[MIN(o.len, size - 1)] = '\0';
    return o.len;
}

size_t print_format(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    size_t n;

    va_start(ap, fmt);
    n = print_vformat(buf, size, fmt, ap);
    va_end(ap);
    return n;
}

void print_plain(char *s, size_t n)
{
    for (size_t i = 0; i < n && s[i]; i++)
        if (s[i] < ' ' || s[i] > '~')
            s[i] = '?';
}
