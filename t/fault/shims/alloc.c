/*
 * Memory that runs out.  Numbers: 0 counts down with each allocation, and the
 * one that takes it to zero fails; 1 allocations so far; 2 how many failed;
 * 3 unless 0: those of more bytes fail.
 * Without the page MUTT_FAIL_ALLOC=N fails the Nth since the program was
 * loaded.
 *
 * It stands in front of a sanitizer's allocator too: it only decides whether
 * the next one is asked at all.
 */

#include <dlfcn.h>

#include "shim.h"

/* what the dynamic linker may want while it looks up the next malloc() */
#define EARLY 8192

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static int (*next_memalign)(void **, size_t, size_t);
static void (*next_free)(void *);

static _Alignas(16) char early[EARLY];
static size_t early_used;


__attribute__((constructor)) static void
start(void)
{
    const char *nth = getenv("MUTT_FAIL_ALLOC");

    shim_map("MUTT_SHIM_ALLOC");

    if (nth != NULL && strcmp(program_invocation_short_name, "setpriv") != 0) {
        shim_numbers[0] = strtoll(nth, NULL, 10);
    }
}


/* Whether this allocation is the one. */
static int
fails(size_t size)
{
    (void) shim_add(1, 1);

    int large = shim_get(3) > 0 && size > (size_t) shim_get(3);

    if (!large && (shim_get(0) <= 0 || shim_add(0, -1) != 0)) {
        return 0;
    }

    (void) shim_add(2, 1);
    errno = ENOMEM;

    return 1;
}


/* The first allocation comes before any thread does. */
static void
look_up(void)
{
    static int looking;

    if (next_free != NULL || looking) {
        return;
    }

    looking = 1;
    *(void **) &next_malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **) &next_calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **) &next_realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **) &next_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    *(void **) &next_free = dlsym(RTLD_NEXT, "free");
    looking = 0;
}


static void *
take_early(size_t size)
{
    size_t rounded = (size + 15) & ~(size_t) 15;

    if (rounded > EARLY - early_used) {
        abort();
    }

    void *p = early + early_used;

    early_used += rounded;

    return p;
}


static int
is_early(const void *p)
{
    return (const char *) p >= early && (const char *) p < early + EARLY;
}


void *
malloc(size_t size)
{
    look_up();

    if (next_malloc == NULL) {
        return take_early(size);
    }

    return fails(size) ? NULL : next_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    look_up();

    if (next_calloc == NULL) {
        return take_early(n * size);
    }

    return fails(n * size) ? NULL : next_calloc(n, size);
}


void *
realloc(void *old, size_t size)
{
    look_up();

    if (next_realloc == NULL || is_early(old)) {
        void *p = malloc(size);

        if (p != NULL && old != NULL) {
            size_t most = (size_t) (early + EARLY - (char *) old);

            memcpy(p, old, size < most ? size : most);
        }

        return p;
    }

    return fails(size) ? NULL : next_realloc(old, size);
}


int
posix_memalign(void **out, size_t alignment, size_t size)
{
    look_up();

    return next_memalign == NULL || fails(size)
               ? ENOMEM
               : next_memalign(out, alignment, size);
}


void
free(void *p)
{
    look_up();

    if (next_free != NULL && !is_early(p)) {
        next_free(p);
    }
}
