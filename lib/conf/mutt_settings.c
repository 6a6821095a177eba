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

/* a beat may be late or lost once before the worker counts as dead */
#define BEATS_PER_LEASE 2

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


static mutt_rc_t
check_leases(const mutt_settings_t *s, mutt_err_t *err)
{
    static const struct {
        mutt_setting_t beat;
        mutt_setting_t lease;
    } rows[] = {
        { MUTT_SET_ALERTER_HEARTBEAT_INTERVAL,
          MUTT_SET_ALERTER_JANITOR_TIMEOUT },
        { MUTT_SET_MOOG_HEARTBEAT_INTERVAL, MUTT_SET_MOOG_JANITOR_TIMEOUT },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t beat = mutt_set_int(s, rows[i].beat);
        int64_t lease = mutt_set_int(s, rows[i].lease);
        char beat_name[NAME_MAX_LEN];
        char lease_name[NAME_MAX_LEN];

        if (lease >= BEATS_PER_LEASE * beat) {
            continue;
        }

        upper(mutt_setting_rows[rows[i].beat].name, "", beat_name);
        upper(mutt_setting_rows[rows[i].lease].name, "", lease_name);

        return mutt_fail(err, MUTT_CONFIG,
                         "%s is %lld s, which must be at least %d times %s, "
                         "%lld s, or living workers would be robbed",
                         lease_name, (long long) lease, BEATS_PER_LEASE,
                         beat_name, (long long) beat);
    }

    return MUTT_OK;
}


/* A letter that is pushed to one and taken from another would go in circles. */
static mutt_rc_t
check_queues(const mutt_settings_t *s, mutt_err_t *err)
{
    static const mutt_setting_t queues[] = {
        MUTT_SET_INGEST_QUEUE_NAME, MUTT_SET_ALERT_QUEUE_NAME,
        MUTT_SET_ALERTER_DLQ_NAME,  MUTT_SET_MOOG_DLQ_NAME,
        MUTT_SET_DEAD_LETTER_QUEUE,
    };
    const size_t n = sizeof(queues) / sizeof(queues[0]);
    char names[2][NAME_MAX_LEN];

    for (size_t i = 0; i < n * n; i++) {
        mutt_setting_t a = queues[i / n];
        mutt_setting_t b = queues[i % n];

        if (a >= b || strcmp(mutt_set_text(s, a), mutt_set_text(s, b)) != 0) {
            continue;
        }

        upper(mutt_setting_rows[a].name, "", names[0]);
        upper(mutt_setting_rows[b].name, "", names[1]);

        return mutt_fail(err, MUTT_CONFIG, "%s and %s are the same list, %.64s",
                         names[0], names[1], mutt_set_text(s, a));
    }

    return MUTT_OK;
}


/* Values that are good alone but not together. */
static mutt_rc_t
check_combinations(const mutt_settings_t *s, mutt_err_t *err)
{
    int64_t warn = mutt_set_int(s, MUTT_SET_ALERTER_QUEUE_WARN_THRESHOLD);
    int64_t shed = mutt_set_int(s, MUTT_SET_ALERTER_QUEUE_SHED_THRESHOLD);

    if (shed < warn) {
        return mutt_fail(err, MUTT_CONFIG,
                         "ALERTER_QUEUE_SHED_THRESHOLD is %lld, which must be "
                         "at least ALERTER_QUEUE_WARN_THRESHOLD, %lld",
                         (long long) shed, (long long) warn);
    }

    mutt_rc_t rc = check_queues(s, err);

    return rc == MUTT_OK ? check_leases(s, err) : rc;
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

    mutt_rc_t rc = check_combinations(s, err);

    if (rc != MUTT_OK) {
        mutt_settings_destroy(s);
        return rc;
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
            bool fits = given->len < sizeof(text) &&
                        memchr(given->data, '\0', given->len) == NULL;

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


static void
print_value(mutt_type_t type, const value_t *value, char out[MUTT_SETTING_TEXT])
{
    switch (type) {
    case MUTT_TYPE_INT:
        (void) snprintf(out, MUTT_SETTING_TEXT, "%lld",
                        (long long) value->integer);
        return;
    case MUTT_TYPE_FLOAT:
        (void) snprintf(out, MUTT_SETTING_TEXT, "%.10g", value->real);
        return;
    case MUTT_TYPE_BOOL:
        (void) snprintf(out, MUTT_SETTING_TEXT, "%s",
                        value->boolean ? "true" : "false");
        return;
    case MUTT_TYPE_ENUM:
    case MUTT_TYPE_TEXT:
    case MUTT_TYPE_SECRET:
        (void) snprintf(out, MUTT_SETTING_TEXT, "%s",
                        value->text == NULL ? "" : value->text);
        return;
    }

    abort();
}


void
mutt_settings_print(const mutt_settings_t *s, mutt_setting_t id,
                    char out[MUTT_SETTING_TEXT])
{
    print_value(mutt_setting_rows[id].type, &s->values[id], out);
}


mutt_rc_t
mutt_settings_normal(mutt_setting_t id, mutt_str_t text,
                     char out[MUTT_SETTING_TEXT], mutt_err_t *err)
{
    char copy[MUTT_SETTING_TEXT];

    if (text.len >= sizeof(copy) || memchr(text.data, '\0', text.len) != NULL) {
        return refuse(&mutt_setting_rows[id], "short text", err);
    }

    (void) snprintf(copy, sizeof(copy), "%.*s", MUTT_STR_ARG(text));

    value_t value = { .text = NULL };
    mutt_rc_t rc = parse(id, copy, &value, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    print_value(mutt_setting_rows[id].type, &value, out);

    if (owns_text(mutt_setting_rows[id].type)) {
        free(value.text);
    }

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a row's type is fixed. */
    return MUTT_OK;
}


mutt_rc_t
mutt_settings_fit(const mutt_settings_t *s, mutt_err_t *err)
{
    if (mutt_set_int(s, MUTT_SET_ALERTER_QUEUE_SHED_THRESHOLD) <
        mutt_set_int(s, MUTT_SET_ALERTER_QUEUE_WARN_THRESHOLD)) {
        return mutt_fail(err, MUTT_INVALID,
                         "alerter_queue_shed_threshold must not be less than "
                         "alerter_queue_warn_threshold");
    }

    if (mutt_set_float(s, MUTT_SET_SLO_BURN_RATE_CRITICAL) <=
        mutt_set_float(s, MUTT_SET_SLO_BURN_RATE_WARNING)) {
        return mutt_fail(err, MUTT_INVALID,
                         "slo_burn_rate_critical must be greater than "
                         "slo_burn_rate_warning");
    }

    return MUTT_OK;
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
