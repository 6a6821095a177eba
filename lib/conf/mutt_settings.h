/*
 * Settings, read from one table (mutt_settings.def): name, type, default,
 * range, unit, who reads it, help.  A setting comes from its default, an
 * environment variable (the upper-case name), a file named by {NAME}_FILE
 * for secrets, and, where it is live, from Redis under mutt:config:{name},
 * the later overriding the earlier.
 *
 * A set of values is immutable once built; a change makes a new set.
 */

#ifndef MUTT_SETTINGS_H
#define MUTT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mutt_error.h"
#include "core/mutt_str.h"

typedef enum {
    MUTT_TYPE_INT,
    MUTT_TYPE_FLOAT,
    MUTT_TYPE_BOOL,
    MUTT_TYPE_ENUM, /* choices are in the range column, space separated */
    MUTT_TYPE_TEXT,
    MUTT_TYPE_SECRET
} mutt_type_t;

/* Flags of a row. */
#define MUTT_S_LIVE 0x001   /* dynamic: has a key in Redis */
#define MUTT_S_MODULE 0x010 /* who reads it */
#define MUTT_S_ALERTER 0x020
#define MUTT_S_FORWARDER 0x040
#define MUTT_S_REMEDIATION 0x080
#define MUTT_S_RETENTION 0x100
#define MUTT_S_WORKERS                                                         \
    (MUTT_S_ALERTER | MUTT_S_FORWARDER | MUTT_S_REMEDIATION | MUTT_S_RETENTION)
#define MUTT_S_ALL (MUTT_S_MODULE | MUTT_S_WORKERS)

typedef enum {
#define SETTING(id, name, type, def, range, unit, flags, help) MUTT_SET_##id,
#include "mutt_settings.def"
#undef SETTING
    MUTT_SETTING_COUNT
} mutt_setting_t;

/* A row of the table. */
typedef struct {
    const char *name; /* lower case; the environment has the upper case */
    mutt_type_t type;
    const char *def;   /* text of the default; NULL: none */
    const char *range; /* "min..max", or the choices of an enum, or "" */
    const char *unit;
    unsigned flags;
    const char *help;
} mutt_setting_row_t;

extern const mutt_setting_row_t mutt_setting_rows[MUTT_SETTING_COUNT];

typedef struct mutt_settings_s mutt_settings_t;

/*
 * The values of defaults and environment.  get(name) reads the environment
 * (getenv in programs).  MUTT_CONFIG when a value is bad, or two are not good
 * together, with one line that names the variable, the value (not a secret's)
 * and what would be accepted.
 */
MUTT_CHECKED mutt_rc_t mutt_settings_load(const char *(*get)(const char *name),
                                          mutt_settings_t **settings,
                                          mutt_err_t *err);

/*
 * A new set: base with the live settings replaced by values[i], the text
 * from Redis of the i-th live row (NULL: no key, so base's value).  A bad
 * text keeps base's value and is counted in *bad.  NULL when out of memory.
 */
mutt_settings_t *mutt_settings_apply(const mutt_settings_t *base,
                                     const mutt_str_t *values, size_t *bad);

/* Wipes secrets and frees.  Accepts NULL. */
void mutt_settings_destroy(mutt_settings_t *settings);

/* The live rows, in table order; *n of them. */
const mutt_setting_t *mutt_settings_live(size_t *n);

/* Checks text against a row's type and range; MUTT_INVALID says what fits. */
MUTT_CHECKED mutt_rc_t mutt_settings_check(mutt_setting_t id, mutt_str_t text,
                                           mutt_err_t *err);

/* Longest text of a live value, with its NUL. */
#define MUTT_SETTING_TEXT 64

/* The value of a live row as text, as it would be stored. */
void mutt_settings_print(const mutt_settings_t *s, mutt_setting_t id,
                         char out[MUTT_SETTING_TEXT]);

/*
 * As mutt_settings_check(), and writes how the text would be stored: "YES" is
 * "true", "+5" is "5".  For live rows.
 */
MUTT_CHECKED mutt_rc_t mutt_settings_normal(mutt_setting_t id, mutt_str_t text,
                                            char out[MUTT_SETTING_TEXT],
                                            mutt_err_t *err);

/* Live values that are good alone but not together: MUTT_INVALID says which. */
MUTT_CHECKED mutt_rc_t mutt_settings_fit(const mutt_settings_t *s,
                                         mutt_err_t *err);

/* Values; asking with the wrong type is a bug and aborts. */
int64_t mutt_set_int(const mutt_settings_t *s, mutt_setting_t id);
double mutt_set_float(const mutt_settings_t *s, mutt_setting_t id);
bool mutt_set_bool(const mutt_settings_t *s, mutt_setting_t id);

/* Text, enum and secret values: NUL-terminated; "" when unset. */
const char *mutt_set_text(const mutt_settings_t *s, mutt_setting_t id);

#endif
