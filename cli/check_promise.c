/* muttdev check promise: can this deployment hold a durability level? */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "core/mutt_buf.h"
#include "domain/mutt_durable.h"
#include "domain/mutt_sql.h"
#include "io/mutt_pg.h"
#include "muttdev.h"

#define VALUE_SIZE 256
#define JSON_MAX (1u << 20)

typedef enum { LEVEL_MEMORY, LEVEL_FSYNC, LEVEL_REPLICA, LEVEL_COUNT } level_t;

static const char *const levels[LEVEL_COUNT] = { "memory", "fsync", "replica" };

typedef enum {
    FROM_CONFIG,   /* CONFIG GET */
    FROM_INFO,     /* a line of INFO */
    FROM_REPLICAS, /* counted in INFO */
    FROM_PG        /* pg_settings */
} source_t;

/*
 * What a level needs: the values that are good for it, and for those above
 * it, separated by spaces; "+" is as many as are wanted, "*" any text but
 * none.
 */
static const struct {
    source_t source;
    const char *name;
    level_t from; /* the least level that asks for it */
    level_t to;   /* the highest */
    const char *good;
    const char *why;
} rows[] = {
    { FROM_CONFIG, "appendonly", LEVEL_MEMORY, LEVEL_REPLICA, "yes",
      "without it a restart of Redis loses everything" },
    { FROM_CONFIG, "appendfsync", LEVEL_MEMORY, LEVEL_MEMORY, "everysec always",
      "otherwise a power loss takes more than two seconds" },
    { FROM_CONFIG, "appendfsync", LEVEL_FSYNC, LEVEL_FSYNC, "always",
      "otherwise a power loss takes the last second or two" },
    { FROM_CONFIG, "appendfsync", LEVEL_REPLICA, LEVEL_REPLICA,
      "everysec always", "otherwise a power loss takes more than two seconds" },
    { FROM_CONFIG, "no-appendfsync-on-rewrite", LEVEL_FSYNC, LEVEL_FSYNC, "no",
      "otherwise nothing is synced while the file is rewritten" },
    { FROM_CONFIG, "maxmemory-policy", LEVEL_MEMORY, LEVEL_REPLICA,
      "noeviction", "otherwise a full Redis drops keys that expire or more" },
    { FROM_INFO, "aof_last_write_status", LEVEL_MEMORY, LEVEL_REPLICA, "ok",
      "the disk of the append-only file is full or broken" },
    { FROM_INFO, "role", LEVEL_MEMORY, LEVEL_REPLICA, "master",
      "a replica takes no events; name the primary in REDIS_URL" },
    { FROM_REPLICAS, "online replicas", LEVEL_REPLICA, LEVEL_REPLICA, "+",
      "an event that no replica has is lost with the machine" },
    { FROM_PG, "fsync", LEVEL_MEMORY, LEVEL_REPLICA, "on",
      "otherwise a power loss can destroy the database" },
    { FROM_PG, "full_page_writes", LEVEL_MEMORY, LEVEL_REPLICA, "on",
      "otherwise a power loss can destroy pages" },
    { FROM_PG, "synchronous_commit", LEVEL_MEMORY, LEVEL_FSYNC,
      "on local remote_write remote_apply",
      "otherwise a crash of PostgreSQL takes audit rows whose events are "
      "gone" },
    { FROM_PG, "synchronous_commit", LEVEL_REPLICA, LEVEL_REPLICA,
      "on remote_write remote_apply",
      "otherwise a failover takes audit rows whose events are gone" },
    { FROM_PG, "synchronous_standby_names", LEVEL_REPLICA, LEVEL_REPLICA, "*",
      "otherwise no commit waits for a standby" },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

typedef struct {
    char value[VALUE_SIZE];
    bool known;
    bool good;
} finding_t;

typedef struct {
    level_t level;
    int64_t replicas; /* that have to acknowledge */
    finding_t findings[N_ROWS];
} promise_t;


static bool
asked(const promise_t *p, size_t row)
{
    return p->level >= rows[row].from && p->level <= rows[row].to;
}


static bool
is_good(const promise_t *promise, const char *value, const char *good)
{
    size_t len = strlen(value);

    if (strcmp(good, "+") == 0) {
        return mutt_str_count(mutt_str(value)) >= promise->replicas;
    }

    if (strcmp(good, "*") == 0) {
        return len > 0;
    }

    for (const char *p = good; *p != '\0';) {
        size_t n = strcspn(p, " ");

        if (n == len && strncmp(p, value, n) == 0) {
            return true;
        }

        p += n + (p[n] == ' ');
    }

    return false;
}


static void
note(promise_t *p, size_t row, mutt_str_t value)
{
    finding_t *f = &p->findings[row];

    (void) snprintf(f->value, sizeof(f->value), "%.*s", MUTT_STR_ARG(value));
    f->known = true;
    f->good = is_good(p, f->value, rows[row].good);
}


/* A managed Redis may not tell: then it is not known. */
static mutt_rc_t
ask_config(check_t *check, promise_t *p, size_t row, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc =
        mutt_redis_call(check->redis, 3,
                        (mutt_str_t[]) { MUTT_STR("CONFIG"), MUTT_STR("GET"),
                                         mutt_str(rows[row].name) },
                        0, &reply, err);

    if (rc == MUTT_OK && reply->type == MUTT_REPLY_ARRAY && reply->n == 2) {
        note(p, row, reply->items[1]->str);
    }

    return rc;
}


static void
count_replicas(promise_t *p, size_t row, mutt_str_t info)
{
    mutt_durable_facts_t facts = { 0 };
    char n[16];

    mutt_durable_info(&facts, info);
    (void) snprintf(n, sizeof(n), "%u", facts.replicas);
    note(p, row, mutt_str(n));
}


static mutt_rc_t
ask_info(check_t *check, promise_t *p, size_t row, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc =
        check_call(check, 1, (mutt_str_t[]) { MUTT_STR("INFO") }, &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    if (rows[row].source == FROM_REPLICAS) {
        count_replicas(p, row, reply->str);
        return MUTT_OK;
    }

    size_t len = strlen(rows[row].name);

    for (const char *line = reply->str.data; line != NULL;) {
        if (strncmp(line, rows[row].name, len) == 0 && line[len] == ':') {
            line += len + 1;
            note(p, row, (mutt_str_t) { line, strcspn(line, "\r\n") });
            break;
        }

        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }

    return MUTT_OK;
}


static mutt_rc_t
ask_redis(check_t *check, promise_t *p, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    for (size_t i = 0; i < N_ROWS && rc == MUTT_OK; i++) {
        if (asked(p, i) && rows[i].source == FROM_CONFIG) {
            rc = ask_config(check, p, i, err);
        } else if (asked(p, i) && rows[i].source != FROM_PG) {
            rc = ask_info(check, p, i, err);
        }
    }

    return rc;
}


static mutt_rc_t
ask_pg(check_t *check, promise_t *p, mutt_err_t *err)
{
    mutt_pg_t *pg = mutt_pg_create(check->settings, "muttdev");
    mutt_rows_t *found = NULL;
    mutt_rc_t rc = pg == NULL ? mutt_fail(err, MUTT_NOMEM, "out of memory")
                              : mutt_pg_connect(pg, err);

    if (rc == MUTT_OK) {
        rc = mutt_pg_exec(pg, mutt_sql[MUTT_SQL_TEXT_DURABILITY], 0, NULL,
                          &found, err);
    }

    for (size_t i = 0; rc == MUTT_OK && i < N_ROWS; i++) {
        for (size_t k = 0; k < mutt_rows_count(found); k++) {
            if (asked(p, i) && rows[i].source == FROM_PG &&
                strcmp(mutt_rows_get(found, k, 0), rows[i].name) == 0) {
                note(p, i, mutt_str(mutt_rows_get(found, k, 1)));
            }
        }
    }

    mutt_rows_free(found);
    mutt_pg_destroy(pg);

    return rc;
}


static const char *
wanted(const promise_t *p, const char *good, char text[VALUE_SIZE])
{
    if (strcmp(good, "+") == 0) {
        (void) snprintf(text, VALUE_SIZE, "at least %lld",
                        (long long) p->replicas);
        return text;
    }

    return strcmp(good, "*") == 0 ? "the names of standbys" : good;
}


static const char *
verdict_of(const finding_t *f)
{
    return !f->known ? "unknown" : f->good ? "ok" : "bad";
}


static void
print_text(const promise_t *p)
{
    char text[VALUE_SIZE];

    for (size_t i = 0; i < N_ROWS; i++) {
        const finding_t *f = &p->findings[i];

        if (!asked(p, i)) {
            continue;
        }

        (void) printf("%-8s %-10s %s = %s", verdict_of(f),
                      rows[i].source == FROM_PG ? "postgresql" : "redis",
                      rows[i].name,
                      !f->known             ? "?"
                      : f->value[0] == '\0' ? "''"
                                            : f->value);

        if (!f->good) {
            (void) printf("; want %s: %s", wanted(p, rows[i].good, text),
                          rows[i].why);
        }

        (void) printf("\n");
    }
}


static void
print_json(const promise_t *p)
{
    mutt_buf_t out;
    char text[VALUE_SIZE];
    const char *comma = "";

    mutt_buf_init(&out, JSON_MAX);
    mutt_buf_addf(&out, "{\"level\":\"%s\",\"checks\":[", levels[p->level]);

    for (size_t i = 0; i < N_ROWS; i++) {
        const finding_t *f = &p->findings[i];

        if (!asked(p, i)) {
            continue;
        }

        mutt_buf_addf(&out,
                      "%s{\"server\":\"%s\",\"name\":\"%s\",\"verdict\":\"%s\","
                      "\"value\":",
                      comma, rows[i].source == FROM_PG ? "postgresql" : "redis",
                      rows[i].name, verdict_of(f));
        mutt_buf_add_json(&out, mutt_str(f->value));
        MUTT_BUF_LIT(&out, ",\"wanted\":");
        mutt_buf_add_json(&out, mutt_str(wanted(p, rows[i].good, text)));
        MUTT_BUF_LIT(&out, "}");
        comma = ",";
    }

    MUTT_BUF_LIT(&out, "]}\n");
    (void) fwrite(out.data, 1, out.len, stdout);
    mutt_buf_done(&out);
}


/* What is bad outweighs what is not known. */
static int
verdict(const promise_t *p)
{
    int status = CHECK_FINE;

    for (size_t i = 0; i < N_ROWS; i++) {
        if (asked(p, i) && p->findings[i].known && !p->findings[i].good) {
            return CHECK_DIFFERENT;
        }

        if (asked(p, i) && !p->findings[i].known) {
            status = CHECK_UNKNOWN;
        }
    }

    return status;
}


/* "memory", "fsync", "replica" or "replica=N", as for mutt_durability. */
static bool
parse_level(const char *text, promise_t *p)
{
    size_t len = strcspn(text, "=");

    for (int i = 0; i < LEVEL_COUNT; i++) {
        if (strlen(levels[i]) == len && strncmp(text, levels[i], len) == 0) {
            p->level = (level_t) i;
            p->replicas = text[len] == '\0'
                              ? 1
                              : mutt_str_count(mutt_str(text + len + 1));
            return p->replicas > 0 &&
                   (text[len] == '\0' || p->level == LEVEL_REPLICA);
        }
    }

    return false;
}


/* -1: go on; otherwise the exit status. */
static int
parse(int argc, char **argv, promise_t *p, bool *json)
{
    static const struct option names[] = {
        { "level", required_argument, NULL, 'l' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (name) {
        case 'l':
            if (!parse_level(optarg, p)) {
                return muttdev_usage(&muttdev_check_promise);
            }
            break;
        case 'j':
            *json = true;
            break;
        case 'h':
            return muttdev_help(&muttdev_check_promise);
        default:
            return muttdev_usage(&muttdev_check_promise);
        }
    }

    return optind == argc ? -1 : muttdev_usage(&muttdev_check_promise);
}


static int
run(int argc, char **argv)
{
    promise_t p = { .level = LEVEL_MEMORY };
    bool json = false;
    int status = parse(argc, argv, &p, &json);

    if (status >= 0) {
        return status;
    }

    check_t check;
    mutt_err_t err;
    mutt_rc_t rc = check_open(&check, &err);

    if (rc == MUTT_OK) {
        rc = ask_redis(&check, &p, &err);
    }

    if (rc == MUTT_OK) {
        rc = ask_pg(&check, &p, &err);
    }

    check_close(&check);

    if (json) {
        print_json(&p);
    } else {
        print_text(&p);
    }

    if (rc != MUTT_OK) {
        (void) fflush(stdout);
        (void) check_cannot_tell(muttdev_check_promise.name, &err);
    }

    return verdict(&p);
}


const muttdev_command_t muttdev_check_promise = {
    .name = "check promise",
    .synopsis = "[--level memory|fsync|replica[=N]] [--json]",
    .summary = "can this deployment hold a durability level",
    .help =
        "\n"
        "Compares how Redis and PostgreSQL are configured with what a level "
        "needs, a line\nfor each: what was found, and what it should be.\n"
        "\n"
        "  --level memory     what was accepted survives the death of any "
        "process; a power\n"
        "                     loss takes at most two seconds (the default)\n"
        "  --level fsync      and survives a power loss\n"
        "  --level replica=N  it survives the loss of a machine: N replicas "
        "of Redis (1)\n"
        "                     have it, and a standby of PostgreSQL\n"
        "  --json             print an object\n"
        "\n"
        "What nginx holds at the moment is in X-MUTT-Durability of its "
        "answers.\n"
        "\n"
        "Exit status: 0 it can; 1 it cannot; 4 it cannot be told, because a "
        "server is not\nreached or does not say.  2: wrong usage.\n",
    .run_words = run,
};
