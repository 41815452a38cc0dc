#include "json.h"

#define DEEPEST 64

static bool fail(struct json *json, const char *problem) {
    if (json->problem == NULL) {
        json->problem = problem;
    }
    return false;
}

static void skip_space(struct json *json) {
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r')) {
        json->at++;
    }
}

/* Steps over white space and, if it is there, this one character. */
static bool accept(struct json *json, char wanted) {
    if (json->problem != NULL) {
        return false;
    }
    skip_space(json);
    if (json->at == json->end || *json->at != wanted) {
        return false;
    }
    json->at++;
    return true;
}

static bool is_digit(const struct json *json) {
    return json->at < json->end && *json->at >= '0' && *json->at <= '9';
}

static int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char lower = digit | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The character of an escape; `at` stands behind the backslash. */
static bool read_escape(struct json *json, char *character) {
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (json->at == json->end) {
        return fail(json, "the end of a string");
    }
    char name = *json->at++;
    if (name == 'u') {
        int code = 0;
        for (int digit = 0; digit < 4; digit++) {
            int value = json->at < json->end ? hex_value(*json->at) : -1;
            if (value < 0) {
                return fail(json, "four hexadecimal digits");
            }
            code = code * 16 + value;
            json->at++;
        }
        /* Zero ends a text in C: as itself it would make "target\u0000x" equal to "target". */
        *character = code > 0 && code < 0x80 ? (char)code : (char)0xFF;
        return true;
    }
    for (int index = 0; names[index] != 0; index++) {
        if (names[index] == name) {
            *character = meanings[index];
            return true;
        }
    }
    return fail(json, "one of the escapes of JSON");
}

struct json json_of(const char *text, size_t length) {
    return (struct json){.start = text, .at = text, .end = text + length, .problem = NULL, .first = true};
}

bool json_enter_object(struct json *json) { return accept(json, '{') || fail(json, "an object"); }

bool json_string(struct json *json, char *text, size_t capacity) {
    size_t length = 0;
    if (!accept(json, '"')) {
        return fail(json, "a string");
    }
    for (;;) {
        if (json->at == json->end) {
            return fail(json, "the end of a string");
        }
        char character = *json->at;
        if ((unsigned char)character < 0x20) {
            return fail(json, "no control character in a string");
        }
        json->at++;
        if (character == '"') {
            break;
        }
        if (character == '\\' && !read_escape(json, &character)) {
            return false;
        }
        if (length < capacity) {
            text[length] = character;
        }
        length++;
    }
    if (capacity > 0) {
        text[length < capacity ? length : 0] = 0;
    }
    return true;
}

bool json_next_key(struct json *json, char *key, size_t capacity) {
    if (accept(json, '}')) {
        return false;
    }
    if (!json->first && !accept(json, ',')) {
        return fail(json, "a comma or a closing brace");
    }
    json->first = false;
    return json_string(json, key, capacity) && (accept(json, ':') || fail(json, "a colon"));
}

/* Steps over a number of any kind; says whether it is a whole one without fraction and exponent. */
static bool skip_number(struct json *json, bool *whole) {
    *whole = true;
    accept(json, '-');
    if (!is_digit(json)) {
        return fail(json, "a value");
    }
    bool zero = *json->at++ == '0';
    while (is_digit(json)) {
        if (zero) {
            return fail(json, "a number without leading zeros");
        }
        json->at++;
    }
    if (json->at < json->end && *json->at == '.') {
        *whole = false;
        json->at++;
        if (!is_digit(json)) {
            return fail(json, "a digit");
        }
        while (is_digit(json)) {
            json->at++;
        }
    }
    if (json->at < json->end && (*json->at | 0x20) == 'e') {
        *whole = false;
        json->at++;
        if (json->at < json->end && (*json->at == '+' || *json->at == '-')) {
            json->at++;
        }
        if (!is_digit(json)) {
            return fail(json, "a digit");
        }
        while (is_digit(json)) {
            json->at++;
        }
    }
    return true;
}

bool json_integer(struct json *json, int64_t *value) {
    if (json->problem != NULL) {
        return false;
    }
    skip_space(json);
    const char *start = json->at;
    bool whole;
    if (start == json->end || (*start != '-' && !is_digit(json)) || !skip_number(json, &whole) || !whole) {
        json->at = start;
        return fail(json, "a whole number");
    }
    /* Collected below zero, where there is room for one more than above. */
    int64_t result = 0;
    bool negative = *start == '-', fits = true;
    for (const char *at = start + negative; at < json->at && fits; at++) {
        int64_t digit = *at - '0';
        fits = result >= (INT64_MIN + digit) / 10;
        if (fits) {
            result = result * 10 - digit;
        }
    }
    if (!fits || (!negative && result == INT64_MIN)) {
        json->at = start;
        return fail(json, "a number of at most 64 bits");
    }
    result = negative ? result : -result;
    *value = result;
    return true;
}

static bool skip_word(struct json *json, const char *word) {
    for (; *word != 0; word++, json->at++) {
        if (json->at == json->end || *json->at != *word) {
            return fail(json, "a value");
        }
    }
    return true;
}

static bool skip_value(struct json *json, int depth) {
    bool whole;
    if (depth == DEEPEST) {
        return fail(json, "less depth");
    }
    skip_space(json);
    if (json->at == json->end) {
        return fail(json, "a value");
    }
    switch (*json->at) {
    case '"':
        return json_string(json, NULL, 0);
    case 't':
        return skip_word(json, "true");
    case 'f':
        return skip_word(json, "false");
    case 'n':
        return skip_word(json, "null");
    case '[':
        json->at++;
        if (accept(json, ']')) {
            return true;
        }
        do {
            if (!skip_value(json, depth + 1)) {
                return false;
            }
        } while (accept(json, ','));
        return accept(json, ']') || fail(json, "a comma or a closing bracket");
    case '{':
        json->at++;
        if (accept(json, '}')) {
            return true;
        }
        do {
            if (!json_string(json, NULL, 0) || !(accept(json, ':') || fail(json, "a colon")) ||
                !skip_value(json, depth + 1)) {
                return false;
            }
        } while (accept(json, ','));
        return accept(json, '}') || fail(json, "a comma or a closing brace");
    default:
        return skip_number(json, &whole);
    }
}

bool json_skip(struct json *json) { return json->problem == NULL && skip_value(json, 0); }

bool json_finish(struct json *json) {
    if (json->problem != NULL) {
        return false;
    }
    skip_space(json);
    return json->at == json->end || fail(json, "nothing more");
}

bool text_equals(const char *left, const char *right) {
    while (*left != 0 && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}
