#include "print.h"

#include <stdlib.h>
#include <string.h>

#include "core/mutt_utf8.h"
#include "muttdev.h"

#define TEXTS 8
#define TEXT_SIZE 4096
#define COLUMNS 16
#define MEMBER 64
/* a column that is wider pushes the rest of its line */
#define WIDEST 44


static char *
next_text(void)
{
    static char texts[TEXTS][TEXT_SIZE];
    static size_t at;

    at = (at + 1) % TEXTS;

    return texts[at];
}


/* Controls, and what turns the direction of a line or breaks it. */
static bool
is_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x2069) || c == 0xfeff;
}


size_t
print_text(FILE *out, mutt_str_t text)
{
    char escape[16];
    size_t columns = 0;

    for (size_t i = 0; i < text.len;) {
        const char *s = text.data + i;
        uint32_t c;
        size_t len = mutt_utf8_decode(s, text.len - i, &c);

        if (len == 0) {
            (void) snprintf(escape, sizeof(escape), "\\x%02x",
                            (unsigned char) *s);
        } else if (is_harmful(c)) {
            (void) snprintf(escape, sizeof(escape), "\\u%04x", c);
        } else {
            escape[0] = '\0';
        }

        if (out != NULL && escape[0] == '\0') {
            (void) fwrite(s, 1, len, out);
        } else if (out != NULL) {
            (void) fputs(escape, out);
        }

        columns += escape[0] == '\0' ? 1 : strlen(escape);
        i += len == 0 ? 1 : len;
    }

    return columns;
}


int
print_json(const json_t *value, bool one_line)
{
    size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(9) |
                   (one_line ? JSON_COMPACT : (size_t) JSON_INDENT(2));
    char *text = value == NULL ? NULL : json_dumps(value, flags);

    if (text == NULL) {
        (void) fprintf(stderr, "muttdev: the answer is no JSON\n");
        return MUTTDEV_FAILED;
    }

    for (const char *s = text; *s != '\0';) {
        size_t len = strcspn(s, "\n");

        /* what it escapes is in strings, and stays JSON */
        (void) print_text(stdout, (mutt_str_t) { s, len });
        (void) putchar('\n');
        s += len + (s[len] == '\n');
    }

    free(text);

    return MUTTDEV_DONE;
}


static const json_t *
find(const json_t *value, const char *member)
{
    while (member != NULL && value != NULL) {
        char name[MEMBER];
        size_t len = strcspn(member, ".");

        (void) snprintf(name, sizeof(name), "%.*s", (int) len, member);
        value = json_object_get(value, name);
        member = member[len] == '.' ? member + len + 1 : NULL;
    }

    return value;
}


const char *
print_member(const json_t *value, const char *member)
{
    const json_t *found = find(value, member);

    if (json_is_string(found)) {
        return json_string_value(found);
    }

    if (found == NULL || json_is_null(found)) {
        return "-";
    }

    if (json_is_boolean(found)) {
        return json_is_true(found) ? "true" : "false";
    }

    char *text = next_text();
    size_t n =
        json_dumpb(found, text, TEXT_SIZE - 1,
                   JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(12));

    text[n < TEXT_SIZE ? n : TEXT_SIZE - 1] = '\0';

    return text;
}


const char *
print_duration(double seconds)
{
    char *text = next_text();
    long s = seconds < 0 ? 0 : (long) seconds;

    if (s < 60) {
        (void) snprintf(text, TEXT_SIZE, "%lds", s);
    } else if (s < 3600) {
        (void) snprintf(text, TEXT_SIZE, "%ldm %lds", s / 60, s % 60);
    } else if (s < 86400) {
        (void) snprintf(text, TEXT_SIZE, "%ldh %ldm", s / 3600, s / 60 % 60);
    } else {
        (void) snprintf(text, TEXT_SIZE, "%ldd %ldh", s / 86400, s / 3600 % 24);
    }

    return text;
}


static void
pad(size_t from, size_t to)
{
    for (; from < to; from++) {
        (void) putchar(' ');
    }
}


static void
print_row(const json_t *row, const column_t *columns, const size_t *widths)
{
    for (size_t i = 0; columns[i].title != NULL; i++) {
        mutt_str_t text =
            mutt_str(row == NULL ? columns[i].title
                                 : print_member(row, columns[i].member));
        size_t width = print_text(stdout, text);

        if (columns[i + 1].title != NULL) {
            pad(width, widths[i]);
            (void) fputs("  ", stdout);
        }
    }

    (void) putchar('\n');
}


void
print_table(const json_t *rows, const column_t *columns)
{
    size_t widths[COLUMNS] = { 0 };
    size_t i;
    const json_t *row;

    if (json_array_size(rows) == 0) {
        (void) printf("none\n");
        return;
    }

    for (size_t k = 0; k < COLUMNS && columns[k].title != NULL; k++) {
        widths[k] = strlen(columns[k].title);

        json_array_foreach(rows, i, row)
        {
            size_t width = print_text(
                NULL, mutt_str(print_member(row, columns[k].member)));

            if (width > widths[k]) {
                widths[k] = width < WIDEST ? width : WIDEST;
            }
        }
    }

    print_row(NULL, columns, widths);

    json_array_foreach(rows, i, row)
    {
        print_row(row, columns, widths);
    }
}
