#include "acked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mutt_uuid.h"
#include "domain/mutt_keys.h"
#include "domain/mutt_sql.h"

/* of a list at a time, of ids in one statement */
#define CHUNK 1000
#define BATCH 10000

/* looks that have to agree, and the time between them */
#define LOOKS 3
#define BETWEEN_MS 200

#define NAME_SIZE 256

/* An event waits once among the events, once among the alerts, dies once. */
typedef enum { STAGE_EVENT, STAGE_ALERT, STAGE_DEAD, STAGE_COUNT } stage_t;

/* Where an event can be, in the order in which it gets there. */
typedef enum {
    PLACE_NONE,
    PLACE_INGEST_QUEUE,
    PLACE_ALERTER,
    PLACE_ALERT_QUEUE,
    PLACE_RETRY,
    PLACE_FORWARDER,
    PLACE_DLQ_ALERTER,
    PLACE_DLQ_MOOG,
    PLACE_DEAD,
    PLACE_AUDIT,
    PLACE_COUNT
} place_t;

static const struct {
    const char *name;
    stage_t stage;
} places[PLACE_COUNT] = {
    [PLACE_NONE] = { "nowhere", STAGE_COUNT },
    [PLACE_INGEST_QUEUE] = { "ingest_queue", STAGE_EVENT },
    [PLACE_ALERTER] = { "processing:alerter", STAGE_EVENT },
    [PLACE_ALERT_QUEUE] = { "alert_queue", STAGE_ALERT },
    [PLACE_RETRY] = { "retry:moog", STAGE_ALERT },
    [PLACE_FORWARDER] = { "processing:moog", STAGE_ALERT },
    [PLACE_DLQ_ALERTER] = { "dlq:alerter", STAGE_EVENT },
    [PLACE_DLQ_MOOG] = { "dlq:moog", STAGE_ALERT },
    [PLACE_DEAD] = { "dlq:dead", STAGE_DEAD },
    [PLACE_AUDIT] = { "event_audit_log", STAGE_COUNT },
};

typedef struct {
    mutt_uuid_t id;
    unsigned char times[STAGE_COUNT]; /* of this look; stops at 255 */
    unsigned char rows;
    unsigned char missed;  /* looks that did not find it */
    unsigned char doubled; /* looks that found it more than once */
    unsigned char last;    /* place_t */
} entry_t;

struct acked_s {
    entry_t *entries; /* sorted by id, each once */
    size_t n;
    size_t size;
    mutt_json_reader_t *reader;
    unsigned looks; /* that judged */
};


static int
compare(const void *a, const void *b)
{
    const entry_t *left = a;
    const entry_t *right = b;

    return memcmp(left->id.bytes, right->id.bytes, sizeof(left->id.bytes));
}


static entry_t *
find(acked_t *acked, mutt_str_t text)
{
    entry_t key = { 0 };

    if (acked->n == 0 || !mutt_uuid_parse(text, &key.id)) {
        return NULL;
    }

    return bsearch(&key, acked->entries, acked->n, sizeof(entry_t), compare);
}


static bool
add(acked_t *acked, const mutt_uuid_t *id)
{
    if (acked->n == acked->size) {
        size_t size = acked->size == 0 ? 1024 : 2 * acked->size;
        entry_t *more = realloc(acked->entries, size * sizeof(entry_t));

        if (more == NULL) {
            return false;
        }

        acked->entries = more;
        acked->size = size;
    }

    acked->entries[acked->n++] = (entry_t) { .id = *id };

    return true;
}


/* "ID", "ID ok", "ID rejected" or "ID unknown". */
static mutt_rc_t
take_line(acked_t *acked, mutt_str_t line, mutt_err_t *err)
{
    size_t len = 0;
    mutt_uuid_t id;

    while (len < line.len && line.data[len] != ' ' && line.data[len] != '\t') {
        len++;
    }

    mutt_str_t word =
        mutt_str_trim((mutt_str_t) { line.data + len, line.len - len });

    if (!mutt_uuid_parse((mutt_str_t) { line.data, len }, &id) ||
        (word.len > 0 && !mutt_str_eq(word, MUTT_STR("ok")) &&
         !mutt_str_eq(word, MUTT_STR("rejected")) &&
         !mutt_str_eq(word, MUTT_STR("unknown")))) {
        return MUTT_INVALID;
    }

    if (word.len > 0 && !mutt_str_eq(word, MUTT_STR("ok"))) {
        return MUTT_OK;
    }

    return add(acked, &id) ? MUTT_OK
                           : mutt_fail(err, MUTT_NOMEM, "out of memory");
}


static mutt_rc_t
read_lines(acked_t *acked, FILE *f, const char *path, mutt_err_t *err)
{
    char *line = NULL;
    size_t size = 0;
    size_t number = 0;
    ssize_t len;
    mutt_rc_t rc = MUTT_OK;

    while (rc == MUTT_OK && (len = getline(&line, &size, f)) >= 0) {
        mutt_str_t text = mutt_str_trim((mutt_str_t) { line, (size_t) len });

        number++;

        if (text.len > 0) {
            rc = take_line(acked, text, err);
        }
    }

    free(line);

    if (rc == MUTT_INVALID) {
        return mutt_fail(err, MUTT_CONFIG,
                         "%s: line %zu is no event id, alone or with ok, "
                         "rejected or unknown",
                         path, number);
    }

    if (rc == MUTT_OK && ferror(f)) {
        return mutt_fail(err, MUTT_CONFIG, "%s: %s", path, strerror(errno));
    }

    return rc;
}


/* An id that was acknowledged twice is one event. */
static void
sort(acked_t *acked)
{
    size_t kept = 0;

    if (acked->n == 0) {
        return;
    }

    qsort(acked->entries, acked->n, sizeof(entry_t), compare);

    for (size_t i = 1; i < acked->n; i++) {
        if (compare(&acked->entries[kept], &acked->entries[i]) != 0) {
            acked->entries[++kept] = acked->entries[i];
        }
    }

    acked->n = kept + 1;
}


mutt_rc_t
acked_load(const char *path, acked_t **acked, mutt_err_t *err)
{
    FILE *f = fopen(path, "re");

    if (f == NULL) {
        return mutt_fail(err, MUTT_CONFIG, "%s: %s", path, strerror(errno));
    }

    acked_t *a = calloc(1, sizeof(acked_t));
    mutt_rc_t rc = MUTT_OK;

    if (a != NULL) {
        a->reader = mutt_json_reader_create();
    }

    if (a == NULL || a->reader == NULL) {
        rc = mutt_fail(err, MUTT_NOMEM, "out of memory");
    } else {
        rc = read_lines(a, f, path, err);
        sort(a);
    }

    (void) fclose(f);

    if (rc != MUTT_OK) {
        acked_free(a);
        return rc;
    }

    *acked = a;

    return MUTT_OK;
}


void
acked_free(acked_t *acked)
{
    if (acked != NULL) {
        mutt_json_reader_destroy(acked->reader);
        free(acked->entries);
        free(acked);
    }
}


/* It was on its way when only some looks say so. */
static bool
is_missing(const acked_t *acked, const entry_t *entry)
{
    return entry->missed == acked->looks;
}


static bool
is_double(const acked_t *acked, const entry_t *entry)
{
    return entry->doubled == acked->looks;
}


static void
count(unsigned char *n)
{
    if (*n < UINT8_MAX) {
        (*n)++;
    }
}


static void
see(acked_t *acked, mutt_str_t element, place_t place)
{
    mutt_str_t id;

    if (!check_member(acked->reader, element, "_event_id", &id)) {
        return;
    }

    entry_t *entry = find(acked, id);

    if (entry != NULL) {
        count(&entry->times[places[place].stage]);
        entry->last = (unsigned char) place;
    }
}


/*
 * From the left, where items come in: what is pushed meanwhile is met again,
 * what is taken from the right is somewhere else by then.
 */
static mutt_rc_t
look_list(acked_t *acked, check_t *check, mutt_str_t command, mutt_str_t key,
          place_t place, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    size_t at = 0;

    do {
        char first[24];
        char last[24];

        (void) snprintf(first, sizeof(first), "%zu", at);
        (void) snprintf(last, sizeof(last), "%zu", at + CHUNK - 1);

        mutt_rc_t rc = check_call(
            check, 4,
            (mutt_str_t[]) { command, key, mutt_str(first), mutt_str(last) },
            &reply, err);

        if (rc != MUTT_OK) {
            return rc;
        }

        for (size_t i = 0; i < reply->n; i++) {
            see(acked, reply->items[i]->str, place);
        }

        at += CHUNK;
    } while (reply->n == CHUNK);

    return MUTT_OK;
}


static mutt_rc_t
look_setting(acked_t *acked, check_t *check, mutt_setting_t name, place_t place,
             mutt_err_t *err)
{
    return look_list(acked, check, MUTT_STR("LRANGE"),
                     mutt_str(mutt_set_text(check->settings, name)), place,
                     err);
}


/* What workers of a kind hold; the doorbell's list is the alerters'. */
static mutt_rc_t
look_hands(acked_t *acked, check_t *check, const char *kind, place_t place,
           mutt_err_t *err)
{
    char key[NAME_SIZE];
    char **ids = NULL;
    size_t n = 0;

    (void) snprintf(key, sizeof(key), "%s%s", mutt_keys[MUTT_KEY_PROCESSING],
                    kind);

    mutt_rc_t rc =
        look_list(acked, check, MUTT_STR("LRANGE"), mutt_str(key), place, err);

    if (rc == MUTT_OK) {
        rc = check_workers(check, &ids, &n, err);
    }

    for (size_t i = 0; i < n && rc == MUTT_OK; i++) {
        if (strncmp(ids[i], kind, strlen(kind)) == 0) {
            (void) snprintf(key, sizeof(key), "%s%s",
                            mutt_keys[MUTT_KEY_PROCESSING], ids[i]);
            rc = look_list(acked, check, MUTT_STR("LRANGE"), mutt_str(key),
                           place, err);
        }
    }

    check_workers_free(ids, n);

    return rc;
}


mutt_rc_t
acked_look(acked_t *acked, check_t *check, mutt_err_t *err)
{
    for (size_t i = 0; i < acked->n; i++) {
        (void) memset(acked->entries[i].times, 0, STAGE_COUNT);
    }

    mutt_rc_t rc = look_setting(acked, check, MUTT_SET_INGEST_QUEUE_NAME,
                                PLACE_INGEST_QUEUE, err);

    if (rc == MUTT_OK) {
        rc = look_hands(acked, check, "alerter:", PLACE_ALERTER, err);
    }
    if (rc == MUTT_OK) {
        rc = look_setting(acked, check, MUTT_SET_ALERT_QUEUE_NAME,
                          PLACE_ALERT_QUEUE, err);
    }
    if (rc == MUTT_OK) {
        rc = look_list(acked, check, MUTT_STR("ZRANGE"),
                       mutt_str(mutt_keys[MUTT_KEY_RETRY]), PLACE_RETRY, err);
    }
    if (rc == MUTT_OK) {
        rc = look_hands(acked, check, "moog:", PLACE_FORWARDER, err);
    }
    if (rc == MUTT_OK) {
        rc = look_setting(acked, check, MUTT_SET_ALERTER_DLQ_NAME,
                          PLACE_DLQ_ALERTER, err);
    }
    if (rc == MUTT_OK) {
        rc = look_setting(acked, check, MUTT_SET_MOOG_DLQ_NAME, PLACE_DLQ_MOOG,
                          err);
    }
    if (rc == MUTT_OK) {
        rc = look_setting(acked, check, MUTT_SET_DEAD_LETTER_QUEUE, PLACE_DEAD,
                          err);
    }

    return rc;
}


/* One statement; ids is an array literal without its closing brace. */
static mutt_rc_t
look_batch(acked_t *acked, mutt_pg_t *pg, const char *sql, mutt_buf_t *ids,
           mutt_err_t *err)
{
    mutt_rows_t *rows = NULL;

    mutt_buf_add(ids, "}", 2);

    if (!mutt_buf_ok(ids)) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory");
    }

    mutt_rc_t rc = mutt_pg_exec(pg, sql, 1, (const char *const[]) { ids->data },
                                &rows, err);

    for (size_t i = 0; rc == MUTT_OK && i < mutt_rows_count(rows); i++) {
        entry_t *entry = find(acked, mutt_str(mutt_rows_get(rows, i, 0)));
        int64_t n = mutt_str_count(mutt_str(mutt_rows_get(rows, i, 1)));

        if (entry != NULL) {
            entry->rows = (unsigned char) (n > UINT8_MAX ? UINT8_MAX : n);
            entry->last = PLACE_AUDIT;
        }
    }

    mutt_rows_free(rows);
    mutt_buf_reset(ids);

    return rc;
}


/* Asks for all at the first look, later for those in doubt. */
static mutt_rc_t
look_rows(acked_t *acked, mutt_pg_t *pg, const char *sql, mutt_err_t *err)
{
    mutt_buf_t ids;
    mutt_rc_t rc = MUTT_OK;
    size_t n = 0;

    mutt_buf_init(&ids, BATCH * (MUTT_UUID_LEN + 1) + 2);

    for (size_t i = 0; i < acked->n && rc == MUTT_OK; i++) {
        entry_t *entry = &acked->entries[i];
        char text[MUTT_UUID_LEN + 1];

        if (!is_missing(acked, entry) && !is_double(acked, entry)) {
            continue;
        }

        entry->rows = 0;
        mutt_uuid_format(&entry->id, text);
        mutt_buf_add(&ids, n == 0 ? "{" : ",", 1);
        mutt_buf_add(&ids, text, MUTT_UUID_LEN);

        if (++n == BATCH) {
            rc = look_batch(acked, pg, sql, &ids, err);
            n = 0;
        }
    }

    if (rc == MUTT_OK && n > 0) {
        rc = look_batch(acked, pg, sql, &ids, err);
    }

    mutt_buf_done(&ids);

    return rc;
}


/* Last of all: an event that has left the lists has had its row before. */
static mutt_rc_t
look_audit(acked_t *acked, mutt_pg_t *pg, mutt_err_t *err)
{
    mutt_rows_t *rows = NULL;
    mutt_rc_t rc = mutt_pg_exec(pg, mutt_sql[MUTT_SQL_TEXT_ARCHIVE_READABLE], 0,
                                NULL, &rows, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    bool archive = strcmp(mutt_rows_get(rows, 0, 0), "t") == 0;
    const char *sql = mutt_sql[archive ? MUTT_SQL_TEXT_FIND_ROWS_ARCHIVED
                                       : MUTT_SQL_TEXT_FIND_ROWS];

    mutt_rows_free(rows);

    return look_rows(acked, pg, sql, err);
}


static void
judge_entry(entry_t *entry)
{
    bool anywhere = entry->rows > 0;
    bool twice = entry->rows > 1;

    for (int i = 0; i < STAGE_COUNT; i++) {
        anywhere = anywhere || entry->times[i] > 0;
        twice = twice || entry->times[i] > 1;
    }

    entry->missed += !anywhere;
    entry->doubled += twice;
}


static void
tally(const acked_t *acked, acked_verdict_t *verdict)
{
    *verdict = (acked_verdict_t) { .ids = acked->n };

    for (size_t i = 0; i < acked->n; i++) {
        verdict->missing += is_missing(acked, &acked->entries[i]);
        verdict->doubled += is_double(acked, &acked->entries[i]);
    }
}


mutt_rc_t
acked_judge(acked_t *acked, check_t *check, mutt_pg_t *pg,
            acked_verdict_t *verdict, mutt_err_t *err)
{
    for (;;) {
        mutt_rc_t rc = acked_look(acked, check, err);

        if (rc == MUTT_OK) {
            rc = look_audit(acked, pg, err);
        }

        if (rc != MUTT_OK) {
            return rc;
        }

        for (size_t i = 0; i < acked->n; i++) {
            judge_entry(&acked->entries[i]);
        }

        acked->looks++;
        tally(acked, verdict);

        if (acked->looks == LOOKS || verdict->missing + verdict->doubled == 0) {
            break;
        }

        check_pause(BETWEEN_MS);
    }

    return MUTT_OK;
}


void
acked_print(const acked_t *acked)
{
    for (size_t i = 0; i < acked->n; i++) {
        const entry_t *e = &acked->entries[i];
        char id[MUTT_UUID_LEN + 1];

        mutt_uuid_format(&e->id, id);

        if (is_missing(acked, e)) {
            (void) printf("missing %s, last seen: %s\n", id,
                          places[e->last].name);
        }

        if (is_double(acked, e)) {
            (void) printf("duplicate %s: %u audit rows, %u waiting events, "
                          "%u waiting alerts, %u dead\n",
                          id, e->rows, e->times[STAGE_EVENT],
                          e->times[STAGE_ALERT], e->times[STAGE_DEAD]);
        }
    }
}


void
acked_json(const acked_t *acked, mutt_buf_t *out)
{
    char id[MUTT_UUID_LEN + 1];
    const char *comma = "";

    mutt_buf_addf(out, "\"ids\":%zu,\"missing\":[", acked->n);

    for (size_t i = 0; i < acked->n; i++) {
        const entry_t *e = &acked->entries[i];

        if (is_missing(acked, e)) {
            mutt_uuid_format(&e->id, id);
            mutt_buf_addf(out, "%s{\"event_id\":\"%s\",\"last_seen\":\"%s\"}",
                          comma, id, places[e->last].name);
            comma = ",";
        }
    }

    MUTT_BUF_LIT(out, "],\"duplicates\":[");
    comma = "";

    for (size_t i = 0; i < acked->n; i++) {
        const entry_t *e = &acked->entries[i];

        if (is_double(acked, e)) {
            mutt_uuid_format(&e->id, id);
            mutt_buf_addf(out,
                          "%s{\"event_id\":\"%s\",\"rows\":%u,\"events\":%u,"
                          "\"alerts\":%u,\"dead\":%u}",
                          comma, id, e->rows, e->times[STAGE_EVENT],
                          e->times[STAGE_ALERT], e->times[STAGE_DEAD]);
            comma = ",";
        }
    }

    MUTT_BUF_LIT(out, "]");
}
