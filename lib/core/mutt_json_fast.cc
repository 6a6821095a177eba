/*
 * On-Demand simdjson is lazy: it checks what is asked for.  So every value is
 * asked for, at every level, with depth and number of elements counted on the
 * way.  Numbers are taken as text, since a client's 20-digit integer must
 * pass; surrogate escapes are checked here, since simdjson 3.0 lets some
 * through.
 */

#include "mutt_json_fast.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "mutt_utf8.h"

using namespace simdjson;

/* how many names are compared pair by pair before sorting pays */
#define FEW_NAMES 16

/* among so many marks that few names ever share one */
#define MARK_BITS 10

struct mutt_json_reader_s {
    ondemand::parser parser;
    std::vector<char> input;
    std::vector<std::string_view> names;
    std::vector<mutt_json_member_t> members;
    const char *base; /* the caller's input */
    bool escapes;     /* are in it */
    size_t elements;
    size_t max_elements;
    int max_depth;
    const char *fault;
    mutt_json_status_t status;
};

namespace {

mutt_str_t
to_str(std::string_view s)
{
    return mutt_str_t { s.data(), s.size() };
}


bool
fail(mutt_json_reader_s *r, mutt_json_status_t status, const char *at)
{
    if (r->status == MUTT_JSON_OK) {
        r->status = status;
        r->fault = at;
    }

    return false;
}


bool
fail_with(mutt_json_reader_s *r, error_code error, const char *at)
{
    switch (error) {
    case MEMALLOC:
        return fail(r, MUTT_JSON_NOMEM, at);
    case UTF8_ERROR:
        return fail(r, MUTT_JSON_UTF8, at);
    case DEPTH_ERROR:
        return fail(r, MUTT_JSON_TOO_DEEP, at);
    default:
        return fail(r, MUTT_JSON_SYNTAX, at);
    }
}


int
hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i] | 0x20;

        if (c >= '0' && c <= '9') {
            v = v * 16 + (c - '0');
        } else if (c >= 'a' && c <= 'f') {
            v = v * 16 + (c - 'a' + 10);
        } else {
            return -1;
        }
    }

    return v;
}


/* Whether the escapes of a raw string (up to its quote) pair surrogates. */
bool
surrogates_paired(const char *p)
{
    for (; *p != '"'; p++) {
        if (*p != '\\') {
            continue;
        }

        p++;

        if (*p != 'u') {
            continue;
        }

        int cp = hex4(p + 1);

        if (cp < 0xd800 || cp > 0xdfff) {
            continue;
        }

        if (cp >= 0xdc00 || p[5] != '\\' || p[6] != 'u') {
            return false;
        }

        int low = hex4(p + 7);

        if (low < 0xdc00 || low > 0xdfff) {
            return false;
        }

        p += 6;
    }

    return true;
}


/* p is behind the opening quote. */
bool
check_escapes(mutt_json_reader_s *r, const char *p)
{
    return !r->escapes || surrogates_paired(p) || fail(r, MUTT_JSON_UTF8, p);
}


const char *
skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }

    return p;
}


/* The number grammar of RFC 8259 section 6. */
bool
check_number(mutt_json_reader_s *r, std::string_view text)
{
    const char *p = text.data();
    const char *end = p + text.size();
    bool integer = true;
    const char *start;

    if (text.size() > MUTT_JSON_NUMBER) {
        return fail(r, MUTT_JSON_REFUSED, p);
    }

    if (p < end && *p == '-') {
        p++;
    }

    start = p;
    p = skip_digits(p, end);

    if (p == start || (*start == '0' && p - start > 1)) {
        return fail(r, MUTT_JSON_SYNTAX, text.data());
    }

    if (p < end && *p == '.') {
        integer = false;
        start = ++p;
        p = skip_digits(p, end);

        if (p == start) {
            return fail(r, MUTT_JSON_SYNTAX, text.data());
        }
    }

    if (p < end && (*p == 'e' || *p == 'E')) {
        integer = false;
        p++;

        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }

        start = p;
        p = skip_digits(p, end);

        if (p == start) {
            return fail(r, MUTT_JSON_SYNTAX, text.data());
        }
    }

    if (p != end) {
        return fail(r, MUTT_JSON_SYNTAX, p);
    }

    /* the buffer is padded, so strtod() ends at the token's end */
    if (!integer && std::isinf(strtod(text.data(), nullptr))) {
        return fail(r, MUTT_JSON_REFUSED, text.data());
    }

    return true;
}


std::string_view
trim_end(std::string_view s)
{
    while (!s.empty() && (s.back() == ' ' || s.back() == '\n' ||
                          s.back() == '\r' || s.back() == '\t')) {
        s.remove_suffix(1);
    }

    return s;
}


/* Equal names have the same mark, and few others have. */
size_t
mark_of(std::string_view name)
{
    if (name.empty()) {
        return 0;
    }

    uint32_t of = (uint32_t) name.size() << 24 |
                  (uint32_t) (unsigned char) name[name.size() / 2] << 16 |
                  (uint32_t) (unsigned char) name.front() << 8 |
                  (uint32_t) (unsigned char) name.back();

    return of * 2654435769u >> (32 - MARK_BITS);
}


/* False also where names are unique, but their marks are not. */
bool
marks_are_unique(const std::string_view *names, size_t n)
{
    uint64_t seen[(1 << MARK_BITS) / 64] = {};

    for (size_t i = 0; i < n; i++) {
        size_t mark = mark_of(names[i]);
        uint64_t bit = (uint64_t) 1 << (mark % 64);

        if ((seen[mark / 64] & bit) != 0) {
            return false;
        }

        seen[mark / 64] |= bit;
    }

    return true;
}


bool
few_are_unique(const std::string_view *names, size_t n)
{
    if (marks_are_unique(names, n)) {
        return true;
    }

    for (size_t i = 0; i < n; i++) {
        if (std::find(names + i + 1, names + n, names[i]) != names + n) {
            return false;
        }
    }

    return true;
}


bool
check_duplicates(mutt_json_reader_s *r, size_t first, const char *at)
{
    auto begin = r->names.begin() + (long) first;
    auto end = r->names.end();

    if (end - begin <= FEW_NAMES) {
        if (!few_are_unique(r->names.data() + first, r->names.size() - first)) {
            return fail(r, MUTT_JSON_REFUSED, at);
        }

    } else {
        std::sort(begin, end);

        if (std::adjacent_find(begin, end) != end) {
            return fail(r, MUTT_JSON_REFUSED, at);
        }
    }

    r->names.resize(first);

    return true;
}


bool read_value(mutt_json_reader_s *r, ondemand::value value, int depth,
                mutt_json_member_t *member);


bool
count_element(mutt_json_reader_s *r, const char *at)
{
    return ++r->elements <= r->max_elements || fail(r, MUTT_JSON_TOO_DEEP, at);
}


/* Reads a member's name; *begin is where its quote is. */
bool
read_name(mutt_json_reader_s *r, ondemand::field &field, const char **begin)
{
    const char *raw = field.key().raw();
    std::string_view name;

    *begin = raw - 1;

    if (!check_escapes(r, raw)) {
        return false;
    }

    error_code error = field.unescaped_key().get(name);

    if (error) {
        return fail_with(r, error, raw);
    }

    r->names.push_back(name);

    return count_element(r, raw);
}


bool
walk_object(mutt_json_reader_s *r, ondemand::object object, int depth,
            const char *at)
{
    size_t first = r->names.size();

    for (auto result : object) {
        ondemand::field field;
        error_code error = std::move(result).get(field);
        const char *begin;

        if (error) {
            return fail_with(r, error, at);
        }

        if (!read_name(r, field, &begin) ||
            !read_value(r, field.value(), depth, nullptr)) {
            return false;
        }
    }

    return check_duplicates(r, first, at);
}


bool
walk_array(mutt_json_reader_s *r, ondemand::array array, int depth,
           const char *at)
{
    for (auto result : array) {
        ondemand::value value;
        error_code error = result.get(value);

        if (error) {
            return fail_with(r, error, at);
        }

        if (!count_element(r, at) || !read_value(r, value, depth, nullptr)) {
            return false;
        }
    }

    return true;
}


bool
read_container(mutt_json_reader_s *r, ondemand::value value, bool array,
               int depth, mutt_json_member_t *member)
{
    ondemand::object object;
    ondemand::array list;
    std::string_view raw = value.raw_json_token();
    const char *at = raw.data();
    error_code error;

    if (depth >= r->max_depth) {
        return fail(r, MUTT_JSON_TOO_DEEP, at);
    }

    error =
        array ? value.get_array().get(list) : value.get_object().get(object);

    /* the raw text is needed for members of the top level only; it is
     * found by skipping, so the walk starts again behind it */
    if (!error && member != nullptr) {
        error = array ? list.raw_json().get(raw) : object.raw_json().get(raw);
        member->raw = to_str(trim_end(raw));

        if (!error) {
            error = array ? list.reset().error() : object.reset().error();
        }
    }

    if (error) {
        return fail_with(r, error, at);
    }

    return array ? walk_array(r, list, depth + 1, at)
                 : walk_object(r, object, depth + 1, at);
}


bool
read_string(mutt_json_reader_s *r, ondemand::value value,
            std::string_view token, mutt_json_member_t *member)
{
    std::string_view text;

    if (!check_escapes(r, token.data() + 1)) {
        return false;
    }

    error_code error = value.get_string().get(text);

    if (error) {
        return fail_with(r, error, token.data());
    }

    if (member != nullptr) {
        member->text = to_str(text);
    }

    return true;
}


bool
read_value(mutt_json_reader_s *r, ondemand::value value, int depth,
           mutt_json_member_t *member)
{
    std::string_view token = trim_end(value.raw_json_token());
    mutt_json_type_t type;
    bool flag;
    error_code error;

    switch (token.empty() ? '\0' : token[0]) {
    case '{':
    case '[':
        type = token[0] == '[' ? MUTT_JSON_ARRAY : MUTT_JSON_OBJECT;

        if (!read_container(r, value, token[0] == '[', depth, member)) {
            return false;
        }
        break;

    case '"':
        type = MUTT_JSON_STRING;

        if (!read_string(r, value, token, member)) {
            return false;
        }
        break;

    case 't':
    case 'f':
        type = MUTT_JSON_BOOL;
        error = value.get_bool().get(flag);

        if (error) {
            return fail_with(r, error, token.data());
        }
        break;

    case 'n':
        type = MUTT_JSON_NULL;
        error = value.is_null().get(flag);

        if (error || !flag) {
            return fail(r, MUTT_JSON_SYNTAX, token.data());
        }
        break;

    default:
        type = MUTT_JSON_NUMBER_VALUE;

        if (!check_number(r, token)) {
            return false;
        }

        /* the iterator steps over a value that was not consumed */
        break;
    }

    if (member != nullptr) {
        member->type = type;

        if (member->raw.data == nullptr) {
            member->raw = to_str(token);
        }
    }

    return true;
}


/* From the padded copy to the caller's bytes. */
mutt_str_t
rebase(const mutt_json_reader_s *r, mutt_str_t s)
{
    return mutt_str_t { r->base + (s.data - r->input.data()), s.len };
}


bool
read_members(mutt_json_reader_s *r, ondemand::object object)
{
    for (auto result : object) {
        ondemand::field field;
        error_code error = std::move(result).get(field);
        mutt_json_member_t m = {};
        const char *begin;

        if (error) {
            return fail_with(r, error, nullptr);
        }

        if (!read_name(r, field, &begin)) {
            return false;
        }

        m.name = to_str(r->names.back());

        if (!read_value(r, field.value(), 1, &m)) {
            return false;
        }

        m.member =
            mutt_str_t { begin, (size_t) (m.raw.data + m.raw.len - begin) };
        m.member = rebase(r, m.member);
        m.raw = rebase(r, m.raw);
        r->members.push_back(m);
    }

    return check_duplicates(r, 0, nullptr);
}


/* Whether a document that begins as a scalar is one, and nothing more. */
bool
is_scalar(mutt_json_reader_s *r, ondemand::document &document,
          ondemand::json_type type, size_t len)
{
    std::string_view token;
    std::string_view text;

    if (document.raw_json_token().get(token) ||
        token.data() + token.size() != r->input.data() + len) {
        return false;
    }

    token = trim_end(token);

    switch (type) {
    case ondemand::json_type::null:
        return token == "null";
    case ondemand::json_type::boolean:
        return token == "true" || token == "false";
    case ondemand::json_type::string:
        return !document.get_string().get(text);
    case ondemand::json_type::number:
        return check_number(r, token);
    default:
        return false;
    }
}


bool
check_end(mutt_json_reader_s *r, ondemand::document &document)
{
    const char *rest;

    /* out of bounds is what the end looks like */
    return document.current_location().get(rest) == OUT_OF_BOUNDS ||
           fail(r, MUTT_JSON_SYNTAX, nullptr);
}


/* Names what a document that is no object is; never true. */
bool
refuse_document(mutt_json_reader_s *r, ondemand::document &document,
                ondemand::json_type type, size_t len)
{
    ondemand::array array;

    if (type != ondemand::json_type::array) {
        return fail(r,
                    is_scalar(r, document, type, len) ? MUTT_JSON_NOT_OBJECT
                                                      : MUTT_JSON_SYNTAX,
                    nullptr);
    }

    error_code error = document.get_array().get(array);

    if (error) {
        return fail_with(r, error, nullptr);
    }

    return walk_array(r, array, 1, nullptr) && check_end(r, document) &&
           fail(r, MUTT_JSON_NOT_OBJECT, nullptr);
}


bool
read_document(mutt_json_reader_s *r, size_t len)
{
    ondemand::document document;
    ondemand::object object;
    ondemand::json_type type;
    error_code error;

    error =
        r->parser.iterate(r->input.data(), len, r->input.size()).get(document);

    if (error) {
        return fail_with(r, error, nullptr);
    }

    error = document.type().get(type);

    if (error) {
        return fail_with(r, error, nullptr);
    }

    if (type != ondemand::json_type::object) {
        return refuse_document(r, document, type, len);
    }

    error = document.get_object().get(object);

    if (error) {
        return fail_with(r, error, nullptr);
    }

    return read_members(r, object) && check_end(r, document);
}


/* Depth and elements are bounded by the reader's caps. */
mutt_json_status_t
read_bounded(mutt_json_reader_t *reader, mutt_str_t input,
             const mutt_json_member_t **members, size_t *n, size_t *offset)
{
    *offset = 0;

    if (input.len == 0) {
        return MUTT_JSON_SYNTAX;
    }

    /* no exception may cross the C boundary */
    try {
        if (reader->input.size() < input.len + SIMDJSON_PADDING) {
            reader->input.resize(input.len + SIMDJSON_PADDING);
        }

        memcpy(reader->input.data(), input.data, input.len);
        memset(reader->input.data() + input.len, 0, SIMDJSON_PADDING);

        reader->names.clear();
        reader->members.clear();
        reader->base = input.data;
        reader->escapes = memchr(input.data, '\\', input.len) != nullptr;
        reader->elements = 0;
        reader->fault = nullptr;
        reader->status = MUTT_JSON_OK;

        (void) read_document(reader, input.len);

    } catch (const std::bad_alloc &) {
        return MUTT_JSON_NOMEM;
    } catch (...) {
        return MUTT_JSON_SYNTAX;
    }

    if (reader->status != MUTT_JSON_OK) {
        if (reader->fault != nullptr) {
            size_t at = (size_t) (reader->fault - reader->input.data());

            *offset = at < input.len ? at : input.len;
        }

        return reader->status;
    }

    *members = reader->members.data();
    *n = reader->members.size();

    return MUTT_JSON_OK;
}

} /* namespace */


mutt_json_reader_t *
mutt_json_reader_create(void)
{
    return new (std::nothrow) mutt_json_reader_s();
}


void
mutt_json_reader_destroy(mutt_json_reader_t *reader)
{
    delete reader;
}


mutt_json_status_t
mutt_json_read_object(mutt_json_reader_t *reader, mutt_str_t input,
                      const mutt_json_member_t **members, size_t *n,
                      size_t *offset)
{
    reader->max_depth = MUTT_JSON_DEPTH;
    reader->max_elements = MUTT_JSON_ELEMENTS;

    return read_bounded(reader, input, members, n, offset);
}


mutt_json_status_t
mutt_json_read_item(mutt_json_reader_t *reader, mutt_str_t input,
                    const mutt_json_member_t **members, size_t *n,
                    size_t *offset)
{
    reader->max_depth = MUTT_JSON_DEPTH + MUTT_JSON_OUR_DEPTH;
    reader->max_elements = MUTT_JSON_ELEMENTS + MUTT_JSON_OUR_ELEMENTS;

    return read_bounded(reader, input, members, n, offset);
}
