
/*
 * The dashboard: the files of one directory, read when the configuration is,
 * so that serving them touches no disk.  A file with the same name and ".gz"
 * is the compressed form of another.
 */


#include "ngx_mutt_module.h"


#define NGX_MUTT_WEB_FILES  64
#define NGX_MUTT_WEB_SIZE   (2 * 1024 * 1024)
#define NGX_MUTT_WEB_HASH   8
#define NGX_MUTT_WEB_ETAG   16

/* C9 of the security bar; icons are ours too, and markup is never parsed */
#define NGX_MUTT_WEB_CSP                                                      \
    "default-src 'none'; script-src 'self'; style-src 'self'; "               \
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; "           \
    "form-action 'self'; img-src 'self'; "                                    \
    "require-trusted-types-for 'script'; trusted-types 'none'"


typedef struct {
    ngx_str_t    name;
    const char  *type;
    ngx_str_t    plain;
    ngx_str_t    plain_etag;
    ngx_str_t    gzip;        /* data is NULL without it */
    ngx_str_t    gzip_etag;
    ngx_flag_t   lasting;     /* the name has a hash of the content */
} ngx_mutt_web_file_t;


static const struct {
    ngx_str_t    suffix;
    const char  *type;
} ngx_mutt_web_types[] = {
    { ngx_string(".html"), "text/html; charset=utf-8" },
    { ngx_string(".js"),   "text/javascript; charset=utf-8" },
    { ngx_string(".css"),  "text/css; charset=utf-8" },
    { ngx_string(".svg"),  "image/svg+xml" },
    { ngx_string(".txt"),  "text/plain; charset=utf-8" },
};


static ngx_flag_t
ngx_mutt_web_ends(ngx_str_t *name, const ngx_str_t *suffix)
{
    return name->len > suffix->len
           && ngx_memcmp(name->data + name->len - suffix->len, suffix->data,
                         suffix->len) == 0;
}


static const char *
ngx_mutt_web_type(ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0;
         i < sizeof(ngx_mutt_web_types) / sizeof(ngx_mutt_web_types[0]);
         i++)
    {
        if (ngx_mutt_web_ends(name, &ngx_mutt_web_types[i].suffix)) {
            return ngx_mutt_web_types[i].type;
        }
    }

    return NULL;
}


/* Whether a name is "text-HASH.suffix", as the bundler makes them. */
static ngx_flag_t
ngx_mutt_web_lasts(ngx_str_t *name)
{
    u_char      *dot, *p;
    ngx_uint_t   i;

    dot = ngx_strlchr(name->data, name->data + name->len, '.');

    if (dot == NULL || dot - name->data <= NGX_MUTT_WEB_HASH + 1) {
        return 0;
    }

    p = dot - NGX_MUTT_WEB_HASH;

    for (i = 0; i < NGX_MUTT_WEB_HASH; i++) {
        if (!((p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= '0' && p[i] <= '9'))) {
            return 0;
        }
    }

    return p[-1] == '-';
}


static ngx_mutt_web_file_t *
ngx_mutt_web_find(ngx_array_t *files, ngx_str_t *name)
{
    ngx_uint_t            i;
    ngx_mutt_web_file_t  *file;

    if (files == NULL) {
        return NULL;
    }

    file = files->elts;

    for (i = 0; i < files->nelts; i++) {
        if (file[i].name.len == name->len
            && ngx_memcmp(file[i].name.data, name->data, name->len) == 0)
        {
            return &file[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_mutt_web_read(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *content)
{
    ssize_t          n;
    ngx_file_t       file;
    ngx_file_info_t  info;

    ngx_memzero(&file, sizeof(ngx_file_t));
    file.name = *path;
    file.log = cf->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "%s cannot be opened", path->data);
        return NGX_ERROR;
    }

    n = NGX_ERROR;

    if (ngx_fd_info(file.fd, &info) == NGX_FILE_ERROR
        || !ngx_is_file(&info) || ngx_file_size(&info) > NGX_MUTT_WEB_SIZE)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s is no file of the dashboard", path->data);

    } else {
        content->len = ngx_file_size(&info);
        content->data = ngx_pnalloc(cf->pool, content->len + 1);

        if (content->data != NULL) {
            n = ngx_read_file(&file, content->data, content->len, 0);
        }
    }

    (void) ngx_close_file(file.fd);

    return n == (ssize_t) content->len ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mutt_web_tag(ngx_conf_t *cf, ngx_str_t *content, ngx_str_t *etag)
{
    u_char         *p;
    unsigned char   digest[MUTT_SHA256_LEN];

    if (!mutt_sha256((mutt_str_t) { (char *) content->data, content->len },
                     digest))
    {
        return NGX_ERROR;
    }

    etag->len = 2 * NGX_MUTT_WEB_ETAG + 2;
    etag->data = ngx_pnalloc(cf->pool, etag->len);

    if (etag->data == NULL) {
        return NGX_ERROR;
    }

    p = etag->data;
    *p++ = '"';
    p = ngx_hex_dump(p, digest, NGX_MUTT_WEB_ETAG);
    *p = '"';

    return NGX_OK;
}


/* A file, its compressed form where there is one beside it. */
static ngx_int_t
ngx_mutt_web_add(ngx_conf_t *cf, ngx_array_t *files, ngx_str_t *dir,
    ngx_str_t *name)
{
    u_char               *p;
    ngx_str_t             path;
    ngx_file_info_t       info;
    ngx_mutt_web_file_t  *file;

    if (files->nelts == NGX_MUTT_WEB_FILES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too many files in %V", dir);
        return NGX_ERROR;
    }

    file = ngx_array_push(files);
    path.data = ngx_pnalloc(cf->pool, dir->len + name->len + sizeof("/.gz"));

    if (file == NULL || path.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(file, sizeof(ngx_mutt_web_file_t));
    p = ngx_sprintf(path.data, "%V/%V", dir, name);
    *p = '\0';
    path.len = p - path.data;

    file->name.data = path.data + dir->len + 1;
    file->name.len = name->len;
    file->type = ngx_mutt_web_type(name);
    file->lasting = ngx_mutt_web_lasts(name);

    if (ngx_mutt_web_read(cf, &path, &file->plain) != NGX_OK
        || ngx_mutt_web_tag(cf, &file->plain, &file->plain_etag) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(p, ".gz", sizeof(".gz"));
    path.len += sizeof(".gz") - 1;

    if (ngx_file_info(path.data, &info) == NGX_FILE_ERROR) {
        return NGX_OK;
    }

    if (ngx_mutt_web_read(cf, &path, &file->gzip) != NGX_OK
        || ngx_mutt_web_tag(cf, &file->gzip, &file->gzip_etag) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_web_load(ngx_conf_t *cf, ngx_array_t *files, ngx_str_t *path)
{
    ngx_int_t  rc;
    ngx_dir_t  dir;
    ngx_str_t  name;

    if (ngx_open_dir(path, &dir) == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "the dashboard's directory %V cannot be read",
                           path);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    while (rc == NGX_OK) {
        ngx_set_errno(0);

        if (ngx_read_dir(&dir) == NGX_ERROR) {
            rc = ngx_errno == NGX_ENOMOREFILES ? NGX_DONE : NGX_ERROR;
            break;
        }

        name.len = ngx_de_namelen(&dir);
        name.data = ngx_de_name(&dir);

        /* what is of no known type is nothing that is served */
        if (name.data[0] != '.' && ngx_mutt_web_type(&name) != NULL) {
            rc = ngx_mutt_web_add(cf, files, path, &name);
        }
    }

    (void) ngx_close_dir(&dir);

    return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
}


char *
ngx_mutt_web_conf(ngx_conf_t *cf, ngx_str_t *dir, ngx_array_t **files)
{
    ngx_str_t  path, index;

    path = *dir;

    if (ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    *files = ngx_array_create(cf->pool, 8, sizeof(ngx_mutt_web_file_t));

    if (*files == NULL || ngx_mutt_web_load(cf, *files, &path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&index, "index.html");

    if (ngx_mutt_web_find(*files, &index) == NULL) {
        return "names a directory without an index.html";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mutt_web_headers(ngx_http_request_t *r, ngx_mutt_web_file_t *file,
    ngx_flag_t gzip)
{
    ngx_str_t         value;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    static const struct {
        const char  *name;
        ngx_str_t    value;
    } fixed[] = {
        { "Content-Security-Policy", ngx_string(NGX_MUTT_WEB_CSP) },
        { "X-Content-Type-Options", ngx_string("nosniff") },
        { "Referrer-Policy", ngx_string("no-referrer") },
        { "Cross-Origin-Opener-Policy", ngx_string("same-origin") },
        { "Cross-Origin-Resource-Policy", ngx_string("same-origin") },
        { "Vary", ngx_string("Accept-Encoding") },
    };

    for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        value = fixed[i].value;

        if (ngx_mutt_add_header(r, fixed[i].name, &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (file->lasting) {
        ngx_str_set(&value, "public, max-age=31536000, immutable");

    } else {
        ngx_str_set(&value, "no-cache");
    }

    if (ngx_mutt_add_header(r, "Cache-Control", &value) != NGX_OK
        || ngx_mutt_add_header(r, "ETag", gzip ? &file->gzip_etag
                                               : &file->plain_etag)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    h = r->headers_out.headers.last->elts;
    r->headers_out.etag = &h[r->headers_out.headers.last->nelts - 1];

    if (gzip) {
        ngx_str_set(&value, "gzip");

        if (ngx_mutt_add_header(r, "Content-Encoding", &value) != NGX_OK) {
            return NGX_ERROR;
        }

        h = r->headers_out.headers.last->elts;
        r->headers_out.content_encoding =
            &h[r->headers_out.headers.last->nelts - 1];
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_web_send(ngx_http_request_t *r, ngx_mutt_web_file_t *file)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_str_t     content;
    ngx_flag_t    gzip;
    ngx_chain_t   out;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    gzip = file->gzip.data != NULL && ngx_http_gzip_ok(r) == NGX_OK;
    content = gzip ? file->gzip : file->plain;

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || ngx_mutt_web_headers(r, file, gzip) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* here nginx compares the tags */
    r->disable_not_modified = 0;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = content.len;
    r->headers_out.content_type.data = (u_char *) file->type;
    r->headers_out.content_type.len = ngx_strlen(file->type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = content.data;
    b->last = content.data + content.len;
    b->memory = content.len > 0;
    b->last_buf = 1;
    b->last_in_chain = 1;
    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_mutt_web_page(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_str_t             index;
    ngx_mutt_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_mutt_module);

    if (lcf->web == NULL) {
        return ngx_mutt_about(r, ctx);
    }

    ngx_str_set(&index, "index.html");

    return ngx_mutt_web_send(r, ngx_mutt_web_find(lcf->web, &index));
}


ngx_int_t
ngx_mutt_web_file(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx)
{
    ngx_mutt_loc_conf_t  *lcf;
    ngx_mutt_web_file_t  *file;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_mutt_module);
    file = ngx_mutt_web_find(lcf->web, &ctx->params[0]);

    if (file == NULL) {
        return ngx_mutt_send_error(r, MUTT_API_NOT_FOUND, mutt_str(NULL));
    }

    return ngx_mutt_web_send(r, file);
}
