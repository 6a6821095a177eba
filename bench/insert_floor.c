/*
 * The floor that the alerter is measured against: one client that inserts
 * the same rows by the same statement, prepared, its arrays being text, and
 * does nothing else.
 *
 *     insert_floor URL ROWS BATCH < events, one a line
 *
 * Prints rows a second and its own CPU microseconds a row.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#include "core/mutt_buf.h"
#include "core/mutt_time.h"
#include "core/mutt_uuid.h"
#include "domain/mutt_sql.h"

#define COLUMNS 9
#define EVENTS 4096
#define RULES 100
#define TEXT_MAX (1u << 30)

/* An event's part of a row, as elements of array literals. */
typedef struct {
    char *raw;
    char *hostname;
    char *timestamp;
} event_t;

static event_t events[EVENTS];
static size_t n_events;


static void
fail(const char *what)
{
    (void) fprintf(stderr, "insert_floor: %s\n", what);
    exit(1);
}


/* An event as an element of an array literal. */
static char *
quoted(const char *line)
{
    mutt_buf_t b;

    mutt_buf_init(&b, TEXT_MAX);
    MUTT_BUF_LIT(&b, "\"");

    for (; *line != '\0' && *line != '\n'; line++) {
        if (*line == '"' || *line == '\\') {
            MUTT_BUF_LIT(&b, "\\");
        }

        mutt_buf_add(&b, line, 1);
    }

    MUTT_BUF_LIT(&b, "\"");
    mutt_buf_add(&b, "", 1);

    return b.data;
}


/* What a member says, which has no quotes in it. */
static char *
member(const char *line, const char *name)
{
    const char *at = strstr(line, name);

    if (at == NULL) {
        fail("an event lacks a member");
    }

    at += strlen(name);

    char *text = strndup(at, strcspn(at, "\""));

    if (text == NULL) {
        fail("out of memory");
    }

    return text;
}


static void
read_events(void)
{
    char *line = NULL;
    size_t size = 0;

    while (n_events < EVENTS && getline(&line, &size, stdin) > 1) {
        events[n_events++] = (event_t) {
            .raw = quoted(line),
            .hostname = member(line, "\"hostname\":\""),
            .timestamp = member(line, "\"timestamp\":\""),
        };
    }

    free(line);

    if (n_events == 0) {
        fail("no events");
    }
}


static void
add(mutt_buf_t *column, size_t row, const char *text)
{
    mutt_buf_add(column, row == 0 ? "{" : ",", 1);
    mutt_buf_add_str(column, mutt_str(text));
}


static void
fill(mutt_buf_t columns[COLUMNS], size_t first, size_t batch)
{
    for (int c = 0; c < COLUMNS; c++) {
        mutt_buf_reset(&columns[c]);
    }

    for (size_t i = 0; i < batch; i++) {
        const event_t *event = &events[(first + i) % n_events];
        unsigned char random[10];
        char id[MUTT_UUID_LEN + 1];
        char at[MUTT_TIME_LEN + 1];
        char rule[24];
        mutt_usec_t now = mutt_time_now();

        if (!mutt_random(random, sizeof(random))) {
            fail("no random numbers");
        }

        mutt_uuid_t uuid = mutt_uuid_v7(now, random);

        mutt_uuid_format(&uuid, id);
        mutt_time_format(now, at);
        (void) snprintf(rule, sizeof(rule), "%zu", 1 + (first + i) % RULES);
        add(&columns[0], i, id);
        add(&columns[1], i, at);
        add(&columns[2], i, event->timestamp);
        add(&columns[3], i, event->hostname);
        add(&columns[4], i, rule);
        add(&columns[5], i, "Log_only");
        add(&columns[6], i, "f");
        add(&columns[7], i, event->raw);
        add(&columns[8], i, id);
    }

    for (int c = 0; c < COLUMNS; c++) {
        mutt_buf_add(&columns[c], "}", 2);
    }
}


static void
expect(PGresult *result)
{
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fail(PQresultErrorMessage(result));
    }

    PQclear(result);
}


int
main(int argc, char **argv)
{
    mutt_buf_t columns[COLUMNS];
    const char *params[COLUMNS];

    if (argc != 4) {
        fail("usage: insert_floor URL ROWS BATCH < events");
    }

    size_t rows = strtoul(argv[2], NULL, 10);
    size_t batch = strtoul(argv[3], NULL, 10);
    PGconn *conn = PQconnectdb(argv[1]);

    if (PQstatus(conn) != CONNECTION_OK) {
        fail(PQerrorMessage(conn));
    }

    read_events();
    expect(PQprepare(conn, "audit", mutt_sql[MUTT_SQL_TEXT_AUDIT], 0, NULL));

    for (int c = 0; c < COLUMNS; c++) {
        mutt_buf_init(&columns[c], TEXT_MAX);
    }

    clock_t cpu = clock();
    mutt_usec_t began = mutt_time_mono();

    for (size_t done = 0; done < rows; done += batch) {
        fill(columns, done, batch);

        for (int c = 0; c < COLUMNS; c++) {
            params[c] = columns[c].data;
        }

        expect(PQexecPrepared(conn, "audit", COLUMNS, params, NULL, NULL, 0));
    }

    double seconds = (double) (mutt_time_mono() - began) / 1e6;

    (void) printf("%.0f %.3f\n", (double) rows / seconds,
                  (double) (clock() - cpu) / CLOCKS_PER_SEC * 1e6 /
                      (double) rows);
    PQfinish(conn);

    return 0;
}
