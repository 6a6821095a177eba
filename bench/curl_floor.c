/*
 * The floor that the forwarder is measured against: libcurl's multi
 * interface, sending as fast as it can and doing nothing else.
 *
 *     curl_floor URL REQUESTS CONCURRENCY < body
 *
 * Prints requests a second and its own CPU microseconds a request.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <curl/curl.h>

#include "core/mutt_time.h"

#define BODY_MAX 65536

typedef struct {
    CURL *easy;
    struct curl_slist *headers;
} slot_t;

static char body[BODY_MAX];
static size_t body_len;
static long left;


static void
fail(const char *what)
{
    (void) fprintf(stderr, "curl_floor: %s\n", what);
    exit(1);
}


static size_t
drop(char *data, size_t size, size_t n, void *user)
{
    (void) data;
    (void) user;

    return size * n;
}


/* Sends one more; every alert has a key of its own, as in MUTT. */
static void
next(CURLM *multi, slot_t *slot)
{
    char key[64];

    (void) snprintf(key, sizeof(key), "Idempotency-Key: floor-%ld", left--);
    curl_slist_free_all(slot->headers);
    slot->headers = curl_slist_append(NULL, "Content-Type: application/json");
    slot->headers =
        curl_slist_append(slot->headers, "Authorization: Bearer test-moog");
    slot->headers = curl_slist_append(slot->headers, key);
    slot->headers = curl_slist_append(slot->headers, "Expect:");
    (void) curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);

    if (curl_multi_add_handle(multi, slot->easy) != CURLM_OK) {
        fail("cannot add a request");
    }
}


static void
open_slot(slot_t *slot, const char *url)
{
    slot->easy = curl_easy_init();

    if (slot->easy == NULL) {
        fail("out of memory");
    }

    (void) curl_easy_setopt(slot->easy, CURLOPT_URL, url);
    (void) curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, body);
    (void) curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE, (long) body_len);
    (void) curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, drop);
    (void) curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
}


/* Takes what is done and replaces it; returns how many were done. */
static long
collect(CURLM *multi)
{
    CURLMsg *message;
    int queued;
    long n = 0;

    while ((message = curl_multi_info_read(multi, &queued)) != NULL) {
        long status = 0;
        slot_t *slot = NULL;
        CURL *easy = message->easy_handle;

        (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &slot);

        if (message->data.result != CURLE_OK || status != 200) {
            fail("a request failed");
        }

        (void) curl_multi_remove_handle(multi, easy);
        n++;

        if (left > 0) {
            next(multi, slot);
        }
    }

    return n;
}


int
main(int argc, char **argv)
{
    if (argc != 4) {
        fail("usage: curl_floor URL REQUESTS CONCURRENCY < body");
    }

    long requests = strtol(argv[2], NULL, 10);
    long slots_n = strtol(argv[3], NULL, 10);
    slot_t *slots = calloc((size_t) slots_n, sizeof(slot_t));
    CURLM *multi = curl_multi_init();

    body_len = fread(body, 1, sizeof(body), stdin);
    left = requests;

    if (slots == NULL || multi == NULL || slots_n > requests) {
        fail("cannot start");
    }

    (void) curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, slots_n);

    clock_t cpu = clock();
    mutt_usec_t began = mutt_time_mono();

    for (long i = 0; i < slots_n; i++) {
        open_slot(&slots[i], argv[1]);
        next(multi, &slots[i]);
    }

    for (long done = 0; done < requests; done += collect(multi)) {
        int running;

        if (curl_multi_perform(multi, &running) != CURLM_OK ||
            (running > 0 &&
             curl_multi_poll(multi, NULL, 0, 1000, NULL) != CURLM_OK)) {
            fail("libcurl failed");
        }
    }

    double seconds = (double) (mutt_time_mono() - began) / 1e6;

    (void) printf("%.0f %.3f\n", (double) requests / seconds,
                  (double) (clock() - cpu) / CLOCKS_PER_SEC * 1e6 /
                      (double) requests);

    return 0;
}
