
/*
 * The OpenAPI 3.1 document, made of the table of routes and the tables of
 * what they take and answer, so that none of them is written twice.
 */


#include "ngx_mutt_module.h"

#include "conf/mutt_operations.h"


#define NGX_MUTT_OPENAPI_MAX  (512 * 1024)

#define NGX_MUTT_REF(kind)    "{\"$ref\":\"#/components/" kind "/"


/* what errors there are, in this order */
static const struct {
    int          status;
    const char  *text;
} ngx_mutt_openapi_errors[] = {
    { 400, "What was sent is wrong, and how" },
    { 401, "No good key or session" },
    { 403, "The key's scopes, or a missing token, do not allow this" },
    { 404, "There is none" },
    { 409, "There is one already" },
    { 410, "The endpoint is removed" },
    { 412, "It has changed since" },
    { 413, "Too large" },
    { 415, "Not a media type that is read" },
    { 429, "Too often" },
    { 503, "What it needs is away, or too much is asked" },
    { 504, "It took too long" },
};

#define NGX_MUTT_OPENAPI_ERRORS                                               \
    (sizeof(ngx_mutt_openapi_errors) / sizeof(ngx_mutt_openapi_errors[0]))


static const char *
ngx_mutt_openapi_method(ngx_uint_t method)
{
    return method & NGX_HTTP_GET ? "GET"
           : method & NGX_HTTP_POST ? "POST"
           : method & NGX_HTTP_PUT ? "PUT" : "DELETE";
}


/* The same as the document has it. */
static const char *
ngx_mutt_openapi_verb(ngx_uint_t method)
{
    return method & NGX_HTTP_GET ? "get"
           : method & NGX_HTTP_POST ? "post"
           : method & NGX_HTTP_PUT ? "put" : "delete";
}


/* Whether a list of words has a word. */
static ngx_flag_t
ngx_mutt_openapi_has(const char *list, int status)
{
    char  word[8];

    (void) snprintf(word, sizeof(word), "%d", status);

    return strstr(list, word) != NULL;
}


/* What follows from the route itself, and what its row adds. */
static ngx_flag_t
ngx_mutt_openapi_can(const ngx_mutt_route_t *route, const mutt_operation_t *op,
    int status)
{
    ngx_flag_t  body, key;

    body = op->request[0] != '\0';
    key = route->scope != NGX_MUTT_SCOPE_NONE;

    switch (status) {

    case 400:
        return body || op->parameters[0] != '\0';

    case 401:
    case 429:
    case 503:
        return key || ngx_mutt_openapi_has(op->errors, status);

    case 403:
        return (key && route->scope != NGX_MUTT_SCOPE_ANY)
               || ngx_mutt_openapi_has(op->errors, status);

    case 404:
        return strchr(route->path, '{') != NULL;

    case 410:
        return route->life != NULL && route->life->removed_in != NULL;

    case 413:
    case 415:
        return body;

    default:
        return ngx_mutt_openapi_has(op->errors, status);
    }
}


static void
ngx_mutt_openapi_errors_of(mutt_buf_t *b, const ngx_mutt_route_t *route,
    const mutt_operation_t *op)
{
    int          status;
    ngx_uint_t   i;

    for (i = 0; i < NGX_MUTT_OPENAPI_ERRORS; i++) {
        status = ngx_mutt_openapi_errors[i].status;

        if (ngx_mutt_openapi_can(route, op, status)) {
            mutt_buf_addf(b, ",\"%d\":" NGX_MUTT_REF("responses") "%s%d\"}",
                          status, route->group == NGX_MUTT_INGEST ? "Ingest"
                                                                  : "Error",
                          status);
        }
    }
}


/* The names in a path and the query, as parameters. */
static void
ngx_mutt_openapi_parameters(mutt_buf_t *b, const mutt_operation_t *op)
{
    size_t       len;
    const char  *p, *comma;

    comma = "";
    MUTT_BUF_LIT(b, ",\"parameters\":[");

    for (p = strchr(op->path, '{'); p != NULL; p = strchr(p, '{')) {
        len = strcspn(++p, "}");
        mutt_buf_addf(b, "%s{\"name\":\"%.*s\",\"in\":\"path\","
                      "\"required\":true,\"schema\":{\"type\":\"string\"}}",
                      comma, (int) len, p);
        comma = ",";
    }

    for (p = op->parameters; *p != '\0'; p += len + (p[len] == ' ')) {
        len = strcspn(p, " ");
        mutt_buf_addf(b, "%s" NGX_MUTT_REF("parameters") "%.*s\"}", comma,
                      (int) len, p);
        comma = ",";
    }

    MUTT_BUF_LIT(b, "]");
}


static void
ngx_mutt_openapi_body(mutt_buf_t *b, const mutt_operation_t *op)
{
    size_t       len;
    const char  *name;
    ngx_flag_t   optional;

    if (op->request[0] == '\0') {
        return;
    }

    optional = op->request[0] == '[';
    name = op->request + optional;
    len = strcspn(name, "]");

    mutt_buf_addf(b, ",\"requestBody\":{\"required\":%s,\"content\":{"
                  "\"application/json\":{\"schema\":"
                  NGX_MUTT_REF("schemas") "%.*s\"}}}}",
                  optional ? "false" : "true", (int) len, name);
}


static void
ngx_mutt_openapi_answers(mutt_buf_t *b, const ngx_mutt_route_t *route,
    const mutt_operation_t *op)
{
    const char  *name;

    mutt_buf_addf(b, ",\"responses\":{\"%d\":{\"description\":\"Done\","
                  "\"headers\":{\"X-API-Version\":"
                  NGX_MUTT_REF("headers") "X-API-Version\"},"
                  "\"X-Correlation-ID\":"
                  NGX_MUTT_REF("headers") "X-Correlation-ID\"}}",
                  op->status);

    if (op->answer[0] != '\0') {
        name = strchr(op->answer, ' ');
        mutt_buf_addf(b, ",\"content\":{\"%.*s\":{\"schema\":"
                      NGX_MUTT_REF("schemas") "%s\"}}}",
                      name == NULL ? (int) sizeof("application/json") - 1
                                   : (int) (name - op->answer),
                      name == NULL ? "application/json" : op->answer,
                      name == NULL ? op->answer : name + 1);
    }

    MUTT_BUF_LIT(b, "}");
    ngx_mutt_openapi_errors_of(b, route, op);
    MUTT_BUF_LIT(b, "}");
}


static void
ngx_mutt_openapi_security(mutt_buf_t *b, const ngx_mutt_route_t *route)
{
    const char  *scope;

    if (route->scope == NGX_MUTT_SCOPE_NONE) {
        MUTT_BUF_LIT(b, ",\"security\":[]");
        return;
    }

    scope = ngx_mutt_scope_name(route->scope);
    mutt_buf_addf(b, ",\"security\":[{\"key\":[\"%s\"]},"
                  "{\"session\":[\"%s\"]}]", scope, scope);
}


static void
ngx_mutt_openapi_operation(mutt_buf_t *b, const ngx_mutt_route_t *route,
    const mutt_operation_t *op)
{
    size_t       len;
    const char  *p, *name;

    len = strcspn(op->path + 1, "/.");
    name = ngx_mutt_openapi_verb(route->method);
    mutt_buf_addf(b, "\"%s\":{\"operationId\":\"%s", name, name);

    for (p = op->path; *p != '\0'; p++) {
        mutt_buf_add(b, isalnum((u_char) *p) ? p : "_", *p != '}');
    }

    mutt_buf_addf(b, "\",\"summary\":\"%s\",\"tags\":[\"%.*s\"],"
                  "\"x-since\":\"%s\"%s",
                  route->summary, (int) len, op->path + 1, op->since,
                  route->life == NULL ? "" : ",\"deprecated\":true");
    ngx_mutt_openapi_security(b, route);
    ngx_mutt_openapi_parameters(b, op);
    ngx_mutt_openapi_body(b, op);
    ngx_mutt_openapi_answers(b, route, op);
    MUTT_BUF_LIT(b, "}");
}


static void
ngx_mutt_openapi_paths(mutt_buf_t *b)
{
    ngx_uint_t               i, n;
    const char              *path;
    const mutt_operation_t  *op;
    const ngx_mutt_route_t  *routes;

    routes = ngx_mutt_route_table(&n);
    path = NULL;

    for (i = 0; i < n; i++) {
        if (!(routes[i].under & NGX_MUTT_UNDER_API)) {
            continue;
        }

        op = mutt_operation_of(ngx_mutt_openapi_method(routes[i].method),
                               routes[i].path);

        if (op == NULL) {
            continue;
        }

        if (path == NULL || ngx_strcmp(path, op->path) != 0) {
            mutt_buf_addf(b, "%s\"%s\":{", path == NULL ? "" : "},",
                          op->path);

        } else {
            MUTT_BUF_LIT(b, ",");
        }

        path = op->path;
        ngx_mutt_openapi_operation(b, &routes[i], op);
    }

    MUTT_BUF_LIT(b, "}");
}


static void
ngx_mutt_openapi_components(mutt_buf_t *b)
{
    size_t      i;
    ngx_uint_t  ingest;

    MUTT_BUF_LIT(b, "\"securitySchemes\":{\"key\":{\"type\":\"apiKey\","
                 "\"in\":\"header\",\"name\":\"X-API-KEY\"},\"session\":{"
                 "\"type\":\"apiKey\",\"in\":\"cookie\","
                 "\"name\":\"mutt_session\",\"description\":\"With "
                 "X-CSRF-Token for everything but GET and HEAD.\"}},"
                 "\"headers\":{\"X-API-Version\":{\"description\":\"The "
                 "version served\",\"schema\":{\"enum\":[\"2.5\",\"2.0\","
                 "\"1.0\"]}},\"X-Correlation-ID\":{\"schema\":{\"type\":"
                 "\"string\"}}},\"parameters\":{");

    for (i = 0; i < mutt_parameters_n; i++) {
        mutt_buf_addf(b, "%s\"%s\":{\"name\":\"%s\",\"in\":\"query\","
                      "\"description\":\"%s\",\"schema\":%s}",
                      i == 0 ? "" : ",", mutt_parameters[i].name,
                      mutt_parameters[i].name, mutt_parameters[i].help,
                      mutt_parameters[i].json);
    }

    MUTT_BUF_LIT(b, "},\"responses\":{");

    for (i = 0; i < 2 * NGX_MUTT_OPENAPI_ERRORS; i++) {
        ingest = i % 2;
        mutt_buf_addf(b, "%s\"%s%d\":{\"description\":\"%s\",\"content\":{"
                      "\"application/json\":{\"schema\":"
                      NGX_MUTT_REF("schemas") "%s\"}}}}",
                      i == 0 ? "" : ",", ingest ? "Ingest" : "Error",
                      ngx_mutt_openapi_errors[i / 2].status,
                      ngx_mutt_openapi_errors[i / 2].text,
                      ingest ? "IngestError" : "Error");
    }

    MUTT_BUF_LIT(b, "},\"schemas\":{");

    for (i = 0; i < mutt_schemas_n; i++) {
        mutt_buf_addf(b, "%s\"%s\":", i == 0 ? "" : ",",
                      mutt_schemas[i].name);
        mutt_buf_add_str(b, mutt_str(mutt_schemas[i].json));
    }

    MUTT_BUF_LIT(b, "}");
}


ngx_int_t
ngx_mutt_openapi(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_int_t   rc;
    mutt_buf_t  b;

    mutt_buf_init(&b, NGX_MUTT_OPENAPI_MAX);
    mutt_buf_addf(&b, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"MUTT\","
                  "\"version\":\"2.5\",\"x-software-version\":\"%s\"},"
                  "\"servers\":[{\"url\":\"/api/v2\"},{\"url\":\"/api/v1\","
                  "\"description\":\"Deprecated, the same answers\"}],"
                  "\"paths\":{", MUTT_VERSION);
    ngx_mutt_openapi_paths(&b);
    MUTT_BUF_LIT(&b, "},\"components\":{");
    ngx_mutt_openapi_components(&b);
    MUTT_BUF_LIT(&b, "}}\n");

    rc = mutt_buf_ok(&b)
         ? ngx_mutt_send(r, NGX_HTTP_OK, "application/json",
                         mutt_buf_str(&b))
         : NGX_HTTP_INTERNAL_SERVER_ERROR;

    mutt_buf_done(&b);

    return rc;
}
