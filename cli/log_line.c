#include "log_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_BYTES 65536

/* words of levels, of all who write */
static const struct {
    const char *word;
    mutt_log_level_t level;
} words[] = {
    { "DEBUG", MUTT_LOG_DEBUG },     { "INFO", MUTT_LOG_INFO },
    { "WARNING", MUTT_LOG_WARNING }, { "ERROR", MUTT_LOG_ERROR },
    { "notice", MUTT_LOG_INFO },     { "warn", MUTT_LOG_WARNING },
    { "crit", MUTT_LOG_ERROR },      { "alert", MUTT_LOG_ERROR },
    { "emerg", MUTT_LOG_ERROR },     { "LOG", MUTT_LOG_INFO },
    { "HINT", MUTT_LOG_INFO },       { "DETAIL", MUTT_LOG_INFO },
    { "STATEMENT", MUTT_LOG_INFO },  { "FATAL", MUTT_LOG_ERROR },
    { "PANIC", MUTT_LOG_ERROR },
};


static bool
level_of(const char *word, size_t len, mutt_log_level_t *level)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].word) == len &&
            strncasecmp(words[i].word, word, len) == 0) {
            *level = words[i].level;
            return true;
        }
    }

    return false;
}


static const char *
name_of(mutt_log_level_t level)
{
    return words[level].word;
}


/* A time of this machine's zone, as nginx and Redis write them; what follows
 * it, or NULL. */
static const char *
local_time(const char *text, const char *format, mutt_usec_t *at)
{
    struct tm tm = { .tm_isdst = -1 };
    const char *rest = strptime(text, format, &tm);
    time_t t = rest == NULL ? -1 : mktime(&tm);

    if (t < 0) {
        return NULL;
    }

    *at = (mutt_usec_t) t * MUTT_USEC_SEC;

    if (*rest == '.') {
        *at += (mutt_usec_t) (strtod(rest, NULL) * 1e6);
        rest += 1 + strspn(rest + 1, "0123456789");
    }

    return rest + strspn(rest, " ");
}


/* 2026/11/21 16:50:01 [notice] 123#123: *5 message */
static const char *
read_nginx(const char *text, log_line_t *line)
{
    const char *rest = local_time(text, "%Y/%m/%d %H:%M:%S", &line->at);
    size_t len = rest == NULL ? 0 : strcspn(rest, "]");

    return rest != NULL && *rest == '[' && rest[len] == ']' &&
                   level_of(rest + 1, len - 1, &line->level)
               ? rest + len + 1
               : NULL;
}


/* 7813:M 21 Nov 2026 16:34:45.215 # message */
static const char *
read_redis(const char *text, log_line_t *line)
{
    const char *rest = text + strspn(text, "0123456789");

    if (rest == text || rest[0] != ':' || rest[1] == '\0' || rest[2] != ' ') {
        return NULL;
    }

    rest = local_time(rest + 3, "%d %b %Y %H:%M:%S", &line->at);

    if (rest == NULL || *rest == '\0') {
        return NULL;
    }

    line->level = *rest == '#'   ? MUTT_LOG_WARNING
                  : *rest == '.' ? MUTT_LOG_DEBUG
                                 : MUTT_LOG_INFO;

    return rest + 1;
}


/* 2026-11-21 16:35:02.366 UTC [8030] LOG:  message */
static const char *
read_postgres(const char *text, log_line_t *line)
{
    char moment[40];
    size_t len = strcspn(text, "U");

    if (len < 20 || len > 30 || strncmp(text + len, "UTC [", 5) != 0) {
        return NULL;
    }

    (void) snprintf(moment, sizeof(moment), "%.*sZ", (int) len - 1, text);

    if (!mutt_time_parse(mutt_str(moment), &line->at)) {
        return NULL;
    }

    const char *rest = text + len + strcspn(text + len, "]");

    rest += *rest == ']';
    rest += strspn(rest, " ");
    len = strcspn(rest, ":");

    return rest[len] == ':' && level_of(rest, len, &line->level)
               ? rest + len + 1
               : NULL;
}


/* What nginx's access log says is no message: method, path, status. */
static void
add_access(json_t *object)
{
    json_int_t status = json_integer_value(json_object_get(object, "status"));

    (void) json_object_set_new(object, "level",
                               json_string(status >= 500 ? "ERROR" : "INFO"));
    (void) json_object_set_new(
        object, "message",
        json_sprintf("%s %s %lld",
                     json_string_value(json_object_get(object, "method")),
                     json_string_value(json_object_get(object, "path")),
                     (long long) status));
}


/* False when it is no object of a log. */
static bool
read_object(const char *text, log_line_t *line)
{
    json_t *object = json_loads(text, 0, NULL);

    if (!json_is_object(object)) {
        json_decref(object);
        return false;
    }

    if (json_is_string(json_object_get(object, "method")) &&
        json_is_string(json_object_get(object, "path"))) {
        add_access(object);
    }

    const char *level = json_string_value(json_object_get(object, "level"));
    const char *at = json_string_value(json_object_get(object, "timestamp"));

    (void) mutt_time_parse(mutt_str(at), &line->at);
    (void) level_of(level == NULL ? "" : level,
                    level == NULL ? 0 : strlen(level), &line->level);
    line->object = object;

    return true;
}


/* An object for a line that is text. */
static json_t *
make_object(const char *service, const char *message, const log_line_t *line)
{
    char at[MUTT_TIME_LEN + 1];
    json_t *object = json_object();
    json_t *text = json_string(message);

    mutt_time_format(line->at, at);
    (void) json_object_set_new(object, "timestamp",
                               line->at == 0 ? json_null() : json_string(at));
    (void) json_object_set_new(object, "level",
                               json_string(name_of(line->level)));
    (void) json_object_set_new(object, "service", json_string(service));
    (void) json_object_set_new(
        object, "message",
        text == NULL ? json_string("(a line that is no UTF-8)") : text);

    return object;
}


bool
log_line_read(const char *service, mutt_str_t from, const log_line_t *before,
              log_line_t *line)
{
    static char text[LINE_MAX_BYTES];

    (void) snprintf(text, sizeof(text), "%.*s", MUTT_STR_ARG(from));
    *line = (log_line_t) { .at = before->at, .level = before->level };

    if (text[0] == '{' && read_object(text, line)) {
        return true;
    }

    const char *message = read_nginx(text, line);

    if (message == NULL) {
        message = read_redis(text, line);
    }

    if (message == NULL) {
        message = read_postgres(text, line);
    }

    if (message == NULL) {
        message = text;
    }

    line->object = make_object(service, message + strspn(message, " "), line);

    return line->object != NULL;
}
