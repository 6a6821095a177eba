/*
 * What the parts of mutt-forwarder share: its state, the alerts it has in
 * hand, and what each part does with them.  forwarder.c says how they play
 * together.
 */

#ifndef MUTT_FORWARDER_H
#define MUTT_FORWARDER_H

#include "domain/mutt_trace.h"
#include "domain/mutt_webhook.h"
#include "io/mutt_attempts.h"
#include "io/mutt_http.h"
#include "io/mutt_outbox.h"
#include "run/mutt_worker.h"

/* moog_max_inflight at most; an exchange may give as many before it is known
 * that it has settled nothing */
#define INFLIGHT 1024
#define SLOTS (2 * INFLIGHT)

/* of a pool: an alert of usual size and its body go in */
#define POOL_BLOCK 16384

/* between two looks at an empty or held queue: first for as long as alerts came
 * a short while ago */
#define IDLE_FIRST_MS 2
#define IDLE_LAST_MS 50

/* An alert in hand. */
typedef struct slot_s {
    struct slot_s *next;  /* of those that are free, unsent or done */
    struct slot_s *older; /* its neighbours in the processing list */
    struct slot_s *newer;
    bool placed; /* it is in that list, as far as is known */
    bool used;
    bool done;   /* settle says what is to happen */
    bool in_run; /* it is settled with the oldest of the list */
    bool probe;
    int key; /* of the two it was sent with */
    mutt_pool_t *pool;
    mutt_str_t item; /* as it lies in the processing list */
    mutt_delivery_t delivery;
    mutt_settle_t settle;
    bool traced;
    mutt_trace_t from;                          /* its parent's span */
    unsigned char span[MUTT_SPAN_ID];           /* of this attempt */
    char traceparent[MUTT_TRACEPARENT_LEN + 1]; /* of the request */
    mutt_usec_t sent_at;
} slot_t;

typedef struct {
    mutt_http_t *http;
    mutt_json_reader_t *reader;
    mutt_pool_t *pool; /* of one turn */
    mutt_outbox_names_t names;
    char authorization[2][MUTT_HTTP_BEARER_MAX];
    int key; /* the one that worked last */
    slot_t slots[SLOTS];
    slot_t *free;
    size_t used;
    slot_t *oldest; /* of the processing list */
    slot_t *newest;
    size_t placed;
    slot_t *unsent; /* in hand, the first to be sent */
    slot_t *last_unsent;
    slot_t *done; /* to be settled */
    size_t n_done;
    mutt_usec_t done_at; /* since when there are some */
    bool urgent;         /* they must be settled at once */
    bool more;           /* the queue held more than was admitted */
    slot_t *settling;    /* done, and told to Redis */
    size_t n_settling;
    bool settling_urgent;
    bool unsettled; /* the last settlement failed */
    bool settles;   /* the exchange that is out, if one is */
    bool admits;
    mutt_usec_t due_at;
    mutt_usec_t look_at; /* the queue is looked at then */
    int idle_ms;
    mutt_usec_t taken_at; /* when the queue last had an alert */
    mutt_usec_t held_until;
    bool blocked;     /* told of the present hold already */
    char failure[32]; /* the last one */
    mutt_attempts_t attempts;
} forwarder_t;

/* slots.c */

/* A slot for an alert, with a copy of it; NULL: none is free, or no memory. */
slot_t *forwarder_take_slot(forwarder_t *f, mutt_str_t item);

void forwarder_free_slot(forwarder_t *f, slot_t *slot);

/* Nothing is to be done any more for this alert but to settle it. */
void forwarder_decide(forwarder_t *f, slot_t *slot, mutt_sent_t sent,
                      mutt_sign_t sign);

/* order.c */

/* An alert is the newest of the processing list. */
void forwarder_place(forwarder_t *f, slot_t *slot);

/* An alert has left the processing list, by its position. */
void forwarder_displace(forwarder_t *f, slot_t *slot);

/* An alert has left it by its value: of equal ones it was the oldest. */
void forwarder_displace_equal(forwarder_t *f, slot_t *slot);

/* Nothing is known of the processing list. */
void forwarder_forget_order(forwarder_t *f);

/* admit.c */

/* The live settings that decide what may be sent. */
mutt_outbox_limits_t forwarder_limits(mutt_run_t *run);

/* Asks for what may be sent now, at most room. */
MUTT_CHECKED mutt_rc_t forwarder_begin_admit(mutt_run_t *run, forwarder_t *f,
                                             size_t room, mutt_err_t *err);

/* Takes in hand what has come. */
MUTT_CHECKED mutt_rc_t forwarder_end_admit(mutt_run_t *run, forwarder_t *f,
                                           mutt_usec_t now, mutt_err_t *err);

/* send.c */

/* Takes an alert of this worker's processing list in hand, to be sent;
 * MUTT_NOMEM: the worker is to end. */
MUTT_CHECKED mutt_rc_t forwarder_take(forwarder_t *f, mutt_str_t item,
                                      bool probe, mutt_err_t *err);

/* Sends the first of those that are to be sent. */
void forwarder_send_some(mutt_run_t *run, forwarder_t *f);

/* judge.c */

/* What is in the queue but no alert is dead. */
void forwarder_judge_malformed(mutt_run_t *run, forwarder_t *f, slot_t *slot);

/* Decides what becomes of an alert whose request has ended. */
void forwarder_judge(mutt_run_t *run, forwarder_t *f,
                     const mutt_http_done_t *done);

/* settle.c */

/*
 * Whether what is done is to be settled now.  A call costs Redis as much as
 * many alerts in it do, so a busy forwarder settles, and is given more, by the
 * larger part of what it has in hand; the rest is in flight meanwhile.
 */
bool forwarder_worth_settling(const forwarder_t *f);

/* All that is done. */
MUTT_CHECKED mutt_rc_t forwarder_begin_settle(mutt_run_t *run, forwarder_t *f,
                                              mutt_err_t *err);

/* What was not settled after all is done still. */
MUTT_CHECKED mutt_rc_t forwarder_end_settle(mutt_run_t *run, forwarder_t *f,
                                            mutt_err_t *err);

/* What was being settled is done still. */
void forwarder_put_back(forwarder_t *f);

/* exchange.c */

/* Sends what is to be sent to Redis now, if anything; no exchange is out.
 * Unless it admits, nothing new is taken. */
MUTT_CHECKED mutt_rc_t forwarder_begin_exchange(mutt_run_t *run, forwarder_t *f,
                                                mutt_usec_t now, bool admits,
                                                mutt_err_t *err);

/* Whether one is out. */
bool forwarder_exchanging(const forwarder_t *f);

/* Takes the replies of the one that is out, those that are there or, if it is
 * to wait, all; then none is out. */
MUTT_CHECKED mutt_rc_t forwarder_end_exchange(mutt_run_t *run, forwarder_t *f,
                                              mutt_usec_t now, bool wait,
                                              mutt_err_t *err);

/* resume.c */

/*
 * What the processing list holds after a reconnection: alerts that are in
 * flight here, and those of an admission whose answer was lost, which are
 * sent now.  What was done and is no longer listed has been settled.
 */
MUTT_CHECKED mutt_rc_t forwarder_resume(mutt_run_t *run, mutt_err_t *err);

/* tell.c */

/* The traceparent of the request, its span the attempt's if it is traced. */
const char *forwarder_begin_span(mutt_run_t *run, slot_t *slot);

void forwarder_end_span(mutt_run_t *run, const slot_t *slot,
                        const mutt_http_done_t *done, mutt_outcome_t outcome);

/* Counts a request that has ended. */
void forwarder_count(mutt_run_t *run, const mutt_http_done_t *done,
                     mutt_outcome_t outcome);

/* Counts a delivery, and tells of it who wants to follow an event. */
void forwarder_tell_delivered(mutt_run_t *run, const slot_t *slot, long status);

/* Notes an attempt for the event's history. */
void forwarder_note_attempt(forwarder_t *f, const slot_t *slot,
                            const mutt_http_done_t *done, const char *reason);

void forwarder_tell_breaker(mutt_run_t *run, const forwarder_t *f,
                            mutt_breaker_state_t from, mutt_breaker_state_t to);

void forwarder_tell_held(mutt_run_t *run, forwarder_t *f,
                         const mutt_admission_t *admission);

#endif
