/* A reader of JSON that makes nothing and copies little: it walks over the text, and the caller says what it expects.
 *
 *     struct json json = json_of(text, length);
 *     json_enter_object(&json);
 *     while (json_next_key(&json, key, sizeof key)) {
 *         if (text_equals(key, "target")) json_integer(&json, &target);
 *         else json_skip(&json);
 *     }
 *     json_finish(&json);
 *     if (json.problem != NULL) ...
 *
 * The first thing that is wrong is kept in `problem`; from there on every function does nothing and returns false, so
 * it is enough to look once, at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
    const char *start, *at, *end;
    const char *problem; /* what was expected and not found; NULL while all is well */
    bool first;          /* no key of the entered object has been read yet */
};

struct json json_of(const char *text, size_t length);

/* The text must be one object; it is entered. Objects inside of it can be skipped only. */
bool json_enter_object(struct json *json);

/* Reads the next key; true when there is one, and then its value comes next. A key that does not fit (with its zero
 * byte) becomes "". */
bool json_next_key(struct json *json, char *key, size_t capacity);

/* Reads a whole number. A fraction, an exponent, and what does not fit into 64 bits are problems. */
bool json_integer(struct json *json, int64_t *value);

/* Reads a string. Escapes of characters beyond ASCII, and of zero, become 0xFF bytes, which are in no UTF-8 text: enough
 * for a reader that only compares. A string that does not fit (with its zero byte) becomes "". */
bool json_string(struct json *json, char *text, size_t capacity);

/* Steps over a value of any kind, down to a depth of 64. */
bool json_skip(struct json *json);

/* Nothing but white space may be left. */
bool json_finish(struct json *json);

/* Compares two texts that end with a zero byte. */
bool text_equals(const char *left, const char *right);
