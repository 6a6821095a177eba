#include "mutt_conninfo.h"

#include <stdio.h>
#include <string.h>


static void
add_option(mutt_buf_t *b, const char *name, const char *value)
{
    if (value[0] == '\0') {
        return;
    }

    mutt_buf_addf(b, "%s='", name);

    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\') {
            MUTT_BUF_LIT(b, "\\");
        }
        mutt_buf_add(b, value, 1);
    }

    MUTT_BUF_LIT(b, "' ");
}


bool
mutt_conninfo_is_doubtful(const char *url)
{
    const char *authority = strstr(url, "://");

    if (authority == NULL) {
        return false;
    }

    authority += 3;

    const char *first = strchr(authority, '@');

    return first != NULL && (strchr(first + 1, '@') != NULL ||
                             authority + strcspn(authority, "/?#") < first);
}


void
mutt_conninfo_write(mutt_buf_t *b, const mutt_settings_t *s, bool next)
{
    char port[16];

    (void) snprintf(port, sizeof(port), "%d",
                    (int) mutt_set_int(s, MUTT_SET_DB_PORT));

    add_option(b, "host", mutt_set_text(s, MUTT_SET_DB_HOST));
    add_option(b, "port", port);
    add_option(b, "dbname", mutt_set_text(s, MUTT_SET_DB_NAME));
    add_option(
        b, "user",
        mutt_set_text(s, next ? MUTT_SET_DB_USER_NEXT : MUTT_SET_DB_USER));
    add_option(b, "password",
               mutt_set_text(s, next ? MUTT_SET_DB_PASS_NEXT
                                     : MUTT_SET_DB_PASS_CURRENT));
}
