/*
 * An exchange with Redis: what is done goes, what may be sent comes.  Both
 * calls are sent together, and requests go on until each of the replies is
 * there, so that the forwarder and Redis work at the same time.  One exchange
 * is out at a time.
 */

#include "forwarder.h"


static size_t
most_of(mutt_run_t *run)
{
    return (size_t) mutt_set_int(mutt_run_settings(run),
                                 MUTT_SET_MOOG_MAX_INFLIGHT);
}


/* How many alerts may be taken beside those that stay in hand; a settlement
 * that follows on one that has failed makes no room before it is done. */
static size_t
room_for(mutt_run_t *run, const forwarder_t *f, mutt_usec_t now, bool settles)
{
    size_t most = most_of(run);
    size_t stay = f->used - (settles && !f->unsettled ? f->n_done : 0);

    return stay >= most || now < f->held_until || (!settles && now < f->look_at)
               ? 0
               : most - stay;
}


/* A reply that nobody takes would be taken for another's. */
static void
abandon(mutt_run_t *run, forwarder_t *f)
{
    forwarder_put_back(f);
    f->settles = false;
    f->admits = false;
    mutt_redis_close(mutt_run_redis(run));
}


mutt_rc_t
forwarder_begin_exchange(mutt_run_t *run, forwarder_t *f, mutt_usec_t now,
                         bool admits, mutt_err_t *err)
{
    mutt_rc_t rc = MUTT_OK;

    /* nothing is waited for while nothing may come */
    if (!admits || now < f->held_until) {
        f->more = false;
    }

    bool settles = forwarder_worth_settling(f);
    size_t room = admits ? room_for(run, f, now, settles) : 0;

    if (settles) {
        rc = forwarder_begin_settle(run, f, err);
    }

    if (rc == MUTT_OK && room > 0) {
        rc = forwarder_begin_admit(run, f, room, err);
    }

    if (rc != MUTT_OK) {
        abandon(run, f);
        return rc;
    }

    f->settles = settles;
    f->admits = room > 0;

    return MUTT_OK;
}


bool
forwarder_exchanging(const forwarder_t *f)
{
    return f->settles || f->admits;
}


static bool
is_there(mutt_run_t *run)
{
    return mutt_redis_script_ready(mutt_run_redis(run));
}


/* Behind a settlement that has failed the other reply is waited for. */
mutt_rc_t
forwarder_end_exchange(mutt_run_t *run, forwarder_t *f, mutt_usec_t now,
                       bool wait, mutt_err_t *err)
{
    mutt_err_t why;
    mutt_rc_t settled = MUTT_OK;
    mutt_rc_t admitted = MUTT_OK;

    if (f->settles && (wait || is_there(run))) {
        settled = forwarder_end_settle(run, f, err);
        f->settles = false;
        wait = wait || settled != MUTT_OK;
    }

    if (f->admits && !f->settles && (wait || is_there(run))) {
        mutt_pool_reset(f->pool);
        admitted =
            forwarder_end_admit(run, f, now, settled == MUTT_OK ? err : &why);
        f->admits = false;
    }

    if (settled == MUTT_STALE) {
        mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "queue",
                 "the processing list is not what it was, it is read again");
        return forwarder_resume(run, err);
    }

    return settled == MUTT_OK ? admitted : settled;
}
