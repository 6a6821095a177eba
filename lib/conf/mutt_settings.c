#include "mutt_settings.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#define NAME_MAX_LEN 64
#define SECRET_FILE_MAX 8192

typedef struct {
    union {
        int64_t integer;
        double real;
        bool boolean;
    };
    char *text; /* owned; TEXT, ENUM and SECRET */
} value_t;

struct mutt_settings_s {
    value_t values[MUTT_SETTING_COUNT];
};

const mutt_setting_row_t mutt_setting_rows[MUTT_SETTING_COUNT] = {
#define SETTING(id, name, type, def, range, unit, flags, help)                 \
    { name, MUTT_TYPE_##type, def, range, unit, flags, help },
#include "mutt_settings.def"
#undef SETTING
};


static bool
owns_text(mutt_type_t type)
{
    return type == MUTT_TYPE_TEXT || type == MUTT_TYPE_ENUM ||
           type == MUTT_TYPE_SECRET;
}


static mutt_rc_t
refuse(const mutt_setting_row_t *row, const char *wanted, mutt_err_t *err)
{
    return mutt_fail(err, MUTT_INVALID, "%s must be %s%s%s", row->name, wanted,
                     row->range[0] == '\0' ? "" : ", ", row->range);
}


static bool
in_range(const mutt_setting_row_t *row, double number)
{
    const char *dots = strstr(row->range, "..");
    char min[NAME_MAX_LEN];

    if (dots == NULL) {
        return true;
    }

    /* "1..9" would be read as "1." and the rest */
    (void) snprintf(min, sizeof(min), "%.*s", (int) (dots - row->range),
                    row->range);

    return number >= strtod(min, NULL) && number <= strtod(dots + 2, NULL);
}


static mutt_rc_t
parse_int(const mutt_setting_row_t *row, const char *text, value_t *value,
          mutt_err_t *err)
{
    char *end;

    errno = 0;
    long long n = strtoll(text, &end, 10);

    if (text[0] == '\0' || *end != '\0' || errno != 0 ||
        strspn(text, "+-0123456789") != strlen(text) ||
        !in_range(row, (double) n)) {
        return refuse(row, "a whole number", err);
    }

    value->integer = n;

    return MUTT_OK;
}


static mutt_rc_t
parse_float(const mutt_setting_row_t *row, const char *text, value_t *value,
            mutt_err_t *err)
{
    char *end;
    double n = strtod(text, &end);

    if (text[0] == '\0' || *end != '\0' || !isfinite(n) ||
        strspn(text, "+-.eE0123456789") != strlen(text) || !in_range(row, n)) {
        return refuse(row, "a number", err);
    }

    value->real = n;

    return MUTT_OK;
}


static mutt_rc_t
parse_bool(const mutt_setting_row_t *row, const char *text, value_t *value,
           mutt_err_t *err)
{
    static const char *const yes[] = { "true", "1", "yes", "on" };
    static const char *const no[] = { "false", "0", "no", "off" };

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            value->boolean = strcasecmp(text, yes[i]) == 0;
            return MUTT_OK;
        }
    }

    return refuse(row, "true or false", err);
}


/* The choice of a space-separated list that text spells, in any case. */
static mutt_str_t
find_choice(const char *choices, const char *text)
{
    size_t len;

    for (const char *p = choices; *p != '\0'; p += len + (p[len] == ' ')) {
        len = strcspn(p, " ");

        if (strlen(text) == len && strncasecmp(p, text, len) == 0) {
            return (mutt_str_t) { p, len };
        }
    }

    return (mutt_str_t) { NULL, 0 };
}


static mutt_rc_t
parse_text(const mutt_setting_row_t *row, const char *text, value_t *value,
           mutt_err_t *err)
{
    mutt_str_t chosen = mutt_str(text);

    if (row->type == MUTT_TYPE_ENUM) {
        chosen = find_choice(row->range, text);

        if (chosen.data == NULL) {
            return refuse(row, "one of", err);
        }
    }

    value->text = strndup(chosen.data, chosen.len);

    if (value->text == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for %s", row->name);
    }

    return MUTT_OK;
}


static mutt_rc_t
parse(mutt_setting_t id, const char *text, value_t *value, mutt_err_t *err)
{
    const mutt_setting_row_t *row = &mutt_setting_rows[id];

    switch (row->type) {
    case MUTT_TYPE_INT:
        return parse_int(row, text, value, err);
    case MUTT_TYPE_FLOAT:
        return parse_float(row, text, value, err);
    case MUTT_TYPE_BOOL:
        return parse_bool(row, text, value, err);
    case MUTT_TYPE_ENUM:
    case MUTT_TYPE_TEXT:
    case MUTT_TYPE_SECRET:
        return parse_text(row, text, value, err);
    }

    abort();
}


/* Reads the file that {NAME}_FILE names: a secret, without its newline. */
static mutt_rc_t
read_secret(const char *variable, const char *path, char *out, mutt_err_t *err)
{
    FILE *f = fopen(path, "re");

    if (f == NULL) {
        return mutt_fail(err, MUTT_CONFIG, "%s: cannot open the file: %s",
                         variable, strerror(errno));
    }

    size_t n = fread(out, 1, SECRET_FILE_MAX, f);
    bool failed = ferror(f) != 0 || n == SECRET_FILE_MAX;

    (void) fclose(f);

    if (failed) {
        return mutt_fail(err, MUTT_CONFIG,
                         "%s: the file cannot be read or is too large",
                         variable);
    }

    out[n] = '\0';
    out[strcspn(out, "\r\n")] = '\0';

    return MUTT_OK;
}


static void
upper(const char *name, const char *suffix, char out[NAME_MAX_LEN])
{
    size_t n = 0;

    for (; n < NAME_MAX_LEN - 8 && name[n] != '\0'; n++) {
        out[n] =
            (char) (name[n] >= 'a' && name[n] <= 'z' ? name[n] - 32 : name[n]);
    }

    (void) snprintf(out + n, NAME_MAX_LEN - n, "%s", suffix);
}


static mutt_rc_t
load_one(mutt_setting_t id, const char *(*get)(const char *), value_t *value,
         mutt_err_t *err)
{
    const mutt_setting_row_t *row = &mutt_setting_rows[id];
    char variable[NAME_MAX_LEN];
    char secret[SECRET_FILE_MAX + 1] = "";
    const char *text = NULL;

    if (row->type == MUTT_TYPE_SECRET) {
        upper(row->name, "_FILE", variable);

        const char *path = get(variable);

        if (path != NULL && path[0] != '\0') {
            mutt_rc_t rc = read_secret(variable, path, secret, err);

            if (rc != MUTT_OK) {
                return rc;
            }

            text = secret;
        }
    }

    upper(row->name, "", variable);

    if (text == NULL) {
        text = get(variable);
    }

    if (text == NULL || text[0] == '\0') {
        text = row->def;
    }

    if (text == NULL) {
        return MUTT_OK;
    }

    mutt_err_t why;
    mutt_rc_t rc = parse(id, text, value, &why);

    OPENSSL_cleanse(secret, row->type == MUTT_TYPE_SECRET ? sizeof(secret) : 0);

    if (rc == MUTT_INVALID) {
        return mutt_fail(err, MUTT_CONFIG, "bad value \"%.64s\" in %s: %s",
                         text, variable, why.text);
    }

    return rc;
}


mutt_rc_t
mutt_settings_load(const char *(*get)(const char *name),
                   mutt_settings_t **settings, mutt_err_t *err)
{
    mutt_settings_t *s = calloc(1, sizeof(mutt_settings_t));

    if (s == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for the settings");
    }

    for (int id = 0; id < MUTT_SETTING_COUNT; id++) {
        mutt_rc_t rc = load_one(id, get, &s->values[id], err);

        if (rc != MUTT_OK) {
            mutt_settings_destroy(s);
            return rc;
        }
    }

    *settings = s;

    return MUTT_OK;
}


static bool
copy_value(mutt_type_t type, const value_t *from, value_t *to)
{
    *to = *from;

    if (owns_text(type) && from->text != NULL) {
        to->text = strdup(from->text);
        return to->text != NULL;
    }

    return true;
}


mutt_settings_t *
mutt_settings_apply(const mutt_settings_t *base, const mutt_str_t *values,
                    size_t *bad)
{
    mutt_settings_t *s = calloc(1, sizeof(mutt_settings_t));

    if (s == NULL) {
        return NULL;
    }

    size_t live = 0;

    for (int id = 0; id < MUTT_SETTING_COUNT; id++) {
        const mutt_setting_row_t *row = &mutt_setting_rows[id];
        const mutt_str_t *given = NULL;

        if (row->flags & MUTT_S_LIVE) {
            given = &values[live++];
        }

        if (given != NULL && given->data != NULL) {
            char text[NAME_MAX_LEN * 4];
            bool fits = given->len < sizeof(text);

            (void) snprintf(text, sizeof(text), "%.*s", MUTT_STR_ARG(*given));

            if (fits && parse(id, text, &s->values[id], NULL) == MUTT_OK) {
                continue;
            }

            (*bad)++;
        }

        if (!copy_value(row->type, &base->values[id], &s->values[id])) {
            mutt_settings_destroy(s);
            return NULL;
        }
    }

    return s;
}


void
mutt_settings_destroy(mutt_settings_t *settings)
{
    if (settings == NULL) {
        return;
    }

    for (int id = 0; id < MUTT_SETTING_COUNT; id++) {
        mutt_type_t type = mutt_setting_rows[id].type;
        char *text = settings->values[id].text;

        if (!owns_text(type) || text == NULL) {
            continue;
        }

        if (type == MUTT_TYPE_SECRET) {
            OPENSSL_cleanse(text, strlen(text));
        }

        free(text);
    }

    free(settings);
}


const mutt_setting_t *
mutt_settings_live(size_t *n)
{
    static const mutt_setting_t all[] = {
#define SETTING(id, name, type, def, range, unit, flags, help) MUTT_SET_##id,
#include "mutt_settings.def"
#undef SETTING
    };
    static mutt_setting_t live[MUTT_SETTING_COUNT];
    static size_t count;

    if (count == 0) {
        size_t k = 0;

        for (size_t i = 0; i < MUTT_SETTING_COUNT; i++) {
            if (mutt_setting_rows[i].flags & MUTT_S_LIVE) {
                live[k++] = all[i];
            }
        }

        count = k;
    }

    *n = count;

    return live;
}


mutt_rc_t
mutt_settings_check(mutt_setting_t id, mutt_str_t text, mutt_err_t *err)
{
    char copy[NAME_MAX_LEN * 4];

    if (text.len >= sizeof(copy) || memchr(text.data, '\0', text.len) != NULL) {
        return refuse(&mutt_setting_rows[id], "short text", err);
    }

    (void) snprintf(copy, sizeof(copy), "%.*s", MUTT_STR_ARG(text));

    value_t value = { .text = NULL };
    mutt_rc_t rc = parse(id, copy, &value, err);

    if (owns_text(mutt_setting_rows[id].type)) {
        free(value.text);
    }

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a row's type is fixed. */
    return rc;
}


static const value_t *
get_value(const mutt_settings_t *s, mutt_setting_t id, bool fits)
{
    if (!fits) {
        abort();
    }

    return &s->values[id];
}


int64_t
mutt_set_int(const mutt_settings_t *s, mutt_setting_t id)
{
    return get_value(s, id, mutt_setting_rows[id].type == MUTT_TYPE_INT)
        ->integer;
}


double
mutt_set_float(const mutt_settings_t *s, mutt_setting_t id)
{
    return get_value(s, id, mutt_setting_rows[id].type == MUTT_TYPE_FLOAT)
        ->real;
}


bool
mutt_set_bool(const mutt_settings_t *s, mutt_setting_t id)
{
    return get_value(s, id, mutt_setting_rows[id].type == MUTT_TYPE_BOOL)
        ->boolean;
}


const char *
mutt_set_text(const mutt_settings_t *s, mutt_setting_t id)
{
    const char *text =
        get_value(s, id, owns_text(mutt_setting_rows[id].type))->text;

    return text == NULL ? "" : text;
}
