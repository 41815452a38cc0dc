/* Extensions for perdure in C: this header, and nothing else.
 *
 *     #define PERDURE_IMPLEMENTATION  // in one file of the extension
 *     #include "perdure.h"
 *
 *     PERDURE_EXTENSION("hello", "Hello", "0.1.0");
 *
 *     typedef struct {
 *         long long current, target;
 *     } counter_state;
 *     PERDURE_STATE(counter_state, current, target);
 *
 *     static perdure_result counter(perdure_ctx *ctx, counter_state *state) {
 *         while (state->current < state->target) {
 *             if (perdure_check_interrupt(ctx)) return PERDURE_INTERRUPTED;
 *             state->current++;
 *             perdure_checkpoint(ctx);
 *         }
 *         return PERDURE_COMPLETED;
 *     }
 *     PERDURE_JOB(counter, counter_state);
 *
 * It speaks ABI 1 (docs/abi.md) and needs C11, no C library, and clang: `zig cc --target=wasm32-freestanding`. Compiled
 * for any other machine the same code runs against a host made for tests; see "Tests" below. Zig has perdure.zig.
 *
 * What holds everywhere:
 *   - Texts are UTF-8 and end with a zero byte. None that this header hands out is NULL unless it says so.
 *   - Nothing has to be freed. What is allocated belongs to the job, or to an answer and goes with the next call
 *     that uses the same perdure_answer.
 *   - A job runs in an instance of its own, and dies with its process: what it needs to go on is in its state.
 */
#ifndef PERDURE_H
#define PERDURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#define PERDURE_STATIC_ASSERT static_assert
#else
#define PERDURE_STATIC_ASSERT _Static_assert
#endif

#if defined(__GNUC__) || defined(__clang__)
#define PERDURE_FORMAT(index, first) __attribute__((format(__printf__, index, first)))
#define PERDURE_HIDDEN __attribute__((visibility("hidden")))
#else
#error "perdure.h needs clang (zig cc); gcc will do for tests"
#endif

/* --- what a job says --------------------------------------------------------------------------------------------- */

/* How a job ends. */
typedef enum perdure_result { PERDURE_COMPLETED = 0, PERDURE_INTERRUPTED = 1, PERDURE_FAILED = 2 } perdure_result;

typedef enum perdure_level { PERDURE_DEBUG = 0, PERDURE_INFO = 1, PERDURE_WARN = 2, PERDURE_ERROR = 3 } perdure_level;

struct perdure_job;
struct perdure_block;

/* A running job. The ids are texts of UUIDs; the rest is this header's own. */
typedef struct perdure_ctx {
    char job_id[37], library_id[37];
    uint8_t id[16];
    const struct perdure_job *job;
    void *state;
    struct perdure_block *blocks; /* what is freed when the job ends */
} perdure_ctx;

/* Formats are those of printf: %d %i %u %x with h, l, ll, z, j and t, %c, %s, %.*s, %f, %%, and %g and %e for the
 * shortest number that reads back the same. The compiler checks the arguments. */

/* Whether the job is to stop. Ask in every turn of a loop. True: the state is saved; return PERDURE_INTERRUPTED. */
PERDURE_HIDDEN bool perdure_check_interrupt(perdure_ctx *ctx) __attribute__((warn_unused_result));

/* How much of the job is done, from 0.0 to 1.0, and a few words for the person who watches. */
PERDURE_HIDDEN void perdure_report_progress(perdure_ctx *ctx, double fraction, const char *format, ...)
    PERDURE_FORMAT(3, 4);

/* Saves the state. True when it is on disk: a job that dies after this goes on from here. False: it could not be
 * stored, or is no JSON (a double that is no number); nothing is lost, only more has to be done again. */
PERDURE_HIDDEN bool perdure_checkpoint(perdure_ctx *ctx);

/* Something a person should look at. The job goes on. */
PERDURE_HIDDEN void perdure_add_warning(perdure_ctx *ctx, const char *format, ...) PERDURE_FORMAT(2, 3);

/* So many more items, so many more bytes. */
PERDURE_HIDDEN void perdure_increment_items(perdure_ctx *ctx, int64_t count);
PERDURE_HIDDEN void perdure_increment_bytes(perdure_ctx *ctx, int64_t bytes);

/* A line of the job's log; in an init function, of the host's. */
PERDURE_HIDDEN void perdure_log(perdure_level level, const char *format, ...) PERDURE_FORMAT(2, 3);

/* `return perdure_fail(ctx, "no such file: %s", name);` Logs the message as an error; returns PERDURE_FAILED. */
PERDURE_HIDDEN perdure_result perdure_fail(perdure_ctx *ctx, const char *format, ...) PERDURE_FORMAT(2, 3);

/* Memory that lives as long as the job; NULL if there is none left. */
PERDURE_HIDDEN void *perdure_alloc(perdure_ctx *ctx, size_t size);
PERDURE_HIDDEN void perdure_free(perdure_ctx *ctx, void *memory);
/* A text that is put together, and lives as long as the job. NULL: no memory. */
PERDURE_HIDDEN const char *perdure_format(perdure_ctx *ctx, const char *format, ...) PERDURE_FORMAT(2, 3);
/* The same for memory that goes with an answer. */
PERDURE_HIDDEN void *perdure_alloc_for(perdure_ctx *ctx, const void *answer, size_t size);
/* A copy of a text that lives as long as the job: for a state that keeps a part of an answer. NULL: no memory. */
PERDURE_HIDDEN const char *perdure_keep(perdure_ctx *ctx, const char *text);

/* --- JSON -------------------------------------------------------------------------------------------------------- */

/* A value within a JSON text that was checked as a whole. It is a view: it lives as long as the text. */
typedef struct perdure_json {
    const char *text; /* NULL: there is no such value */
    size_t length;
} perdure_json;

typedef enum perdure_json_kind {
    PERDURE_JSON_ABSENT,
    PERDURE_JSON_NULL,
    PERDURE_JSON_BOOL,
    PERDURE_JSON_NUMBER,
    PERDURE_JSON_TEXT,
    PERDURE_JSON_ARRAY,
    PERDURE_JSON_OBJECT
} perdure_json_kind;

/* Deeper nesting than this is refused, so that no text exhausts the stack. */
#define PERDURE_JSON_DEPTH 128

/* Checks a whole text: JSON as its standard has it, in UTF-8, no half surrogate pairs. False: *problem says what was
 * expected, and *at (a byte's index) where; both may be NULL. */
PERDURE_HIDDEN bool perdure_json_parse(const char *text, size_t length, perdure_json *value, const char **problem,
                                       size_t *at);
PERDURE_HIDDEN perdure_json_kind perdure_json_kind_of(perdure_json value);

/* The value of a key; absent if it is no object or has no such key. Of a key that is there twice, the last counts. */
PERDURE_HIDDEN perdure_json perdure_json_get(perdure_json object, const char *key);

/* `perdure_json item = {0}; while (perdure_json_next(array, &item)) …`; of an object the values, their keys in *key
 * (a text, to be read like every other); key may be NULL. */
PERDURE_HIDDEN bool perdure_json_next(perdure_json container, perdure_json *item, perdure_json *key);

/* False, and *result as it was, if the value is of another kind: an integer has no fraction and no exponent, and
 * fits; a double is any number that is not beyond its range. */
PERDURE_HIDDEN bool perdure_json_int64(perdure_json value, int64_t *result);
PERDURE_HIDDEN bool perdure_json_uint64(perdure_json value, uint64_t *result);
PERDURE_HIDDEN bool perdure_json_double(perdure_json value, double *result);
PERDURE_HIDDEN bool perdure_json_bool(perdure_json value, bool *result);

/* The bytes of a text, without a zero byte at the end, which \u0000 may have put among them. At most `capacity` are
 * written; *length is how many there are. False: it is no text. */
PERDURE_HIDDEN bool perdure_json_bytes(perdure_json value, char *bytes, size_t capacity, size_t *length);
PERDURE_HIDDEN bool perdure_json_equals(perdure_json value, const char *text);
/* A text that lives as long as the job. NULL: it is no text, has a zero byte in it, or there is no memory. */
PERDURE_HIDDEN const char *perdure_json_text(perdure_ctx *ctx, perdure_json value);

/* A text that grows, and a writer of JSON that puts in the commas. `perdure_writer writer = {0};` begins one;
 * perdure_writer_free ends it. What goes wrong (no memory, a double that is no number, text that is no UTF-8, too deep)
 * is kept in `problem`, and then everything does nothing: look once, at the end. */
typedef struct perdure_writer {
    char *bytes; /* ends with a zero byte, once there is anything */
    size_t length, capacity;
    const char *problem;
    bool comma;
} perdure_writer;

PERDURE_HIDDEN void perdure_write_object(perdure_writer *writer); /* { */
PERDURE_HIDDEN void perdure_write_object_end(perdure_writer *writer);
PERDURE_HIDDEN void perdure_write_array(perdure_writer *writer); /* [ */
PERDURE_HIDDEN void perdure_write_array_end(perdure_writer *writer);
PERDURE_HIDDEN void perdure_write_key(perdure_writer *writer, const char *key);
PERDURE_HIDDEN void perdure_write_null(perdure_writer *writer);
PERDURE_HIDDEN void perdure_write_bool(perdure_writer *writer, bool value);
PERDURE_HIDDEN void perdure_write_int64(perdure_writer *writer, int64_t value);
PERDURE_HIDDEN void perdure_write_uint64(perdure_writer *writer, uint64_t value);
PERDURE_HIDDEN void perdure_write_double(perdure_writer *writer,
                                         double value); /* the shortest that reads back the same */
PERDURE_HIDDEN void perdure_write_text(perdure_writer *writer, const char *text);
PERDURE_HIDDEN void perdure_write_bytes(perdure_writer *writer, const char *bytes, size_t length); /* UTF-8 */
PERDURE_HIDDEN void perdure_write_json(perdure_writer *writer, perdure_json value);
PERDURE_HIDDEN void perdure_writer_free(perdure_writer *writer);

/* --- operations -------------------------------------------------------------------------------------------------- */

typedef enum perdure_code {
    PERDURE_OK = 0,
    PERDURE_PERMISSION_DENIED,
    PERDURE_LIBRARY_DENIED,
    PERDURE_RATE_LIMITED,
    PERDURE_UNKNOWN_METHOD,
    PERDURE_INVALID_PAYLOAD,
    PERDURE_NOT_FOUND,
    PERDURE_OPERATION_FAILED, /* "failed"; also a code that this header does not know */
    PERDURE_UNAVAILABLE
} perdure_code;

/* What an operation answered. Its texts live until the same variable is used for another call, or the job ends. */
typedef struct perdure_answer {
    bool ok;
    perdure_code code;
    const char *code_name; /* as the host said it; "ok" */
    const char *message; /* for people; "" when ok */
    int64_t retry_after_ms; /* of PERDURE_RATE_LIMITED; -1: the host does not know */
    perdure_json json; /* the whole answer */
    perdure_ctx *ctx;
} perdure_answer;

/* Runs an operation and waits for its answer; true if it is no error. The payload is JSON with single quotes for
 * double ones and values in it as of printf, where %s is a text that becomes a string of JSON:
 *
 *     perdure_answer answer;
 *     if (!perdure_call(ctx, &answer, "query:vdfs.read_sidecar", "{'entry_id': %s, 'name': 'note', 'text': true}", id))
 *         return perdure_fail_call(ctx, &answer);
 */
PERDURE_HIDDEN bool perdure_call(perdure_ctx *ctx, perdure_answer *answer, const char *method, const char *payload, ...)
    PERDURE_FORMAT(4, 5);
/* A text made like a payload: JSON within JSON. It lives as long as the job; NULL: no memory, or a text is no UTF-8. */
PERDURE_HIDDEN const char *perdure_format_json(perdure_ctx *ctx, const char *format, ...) PERDURE_FORMAT(2, 3);
/* perdure_call with a payload that is ready, in another library (the text of a UUID) or the job's own (NULL). */
PERDURE_HIDDEN bool perdure_call_json(perdure_ctx *ctx, perdure_answer *answer, const char *library_id,
                                      const char *method,
                                      const char *payload, size_t length);
/* Fails as "code: message". */
PERDURE_HIDDEN perdure_result perdure_fail_call(perdure_ctx *ctx, const perdure_answer *answer);

/* Frees what an answer holds, before its variable is used again. */
PERDURE_HIDDEN void perdure_answer_free(perdure_answer *answer);

/* Parts of an answer by their keys, outer to inner, with dots: "sidecar.name". */
PERDURE_HIDDEN perdure_json perdure_get(const perdure_answer *answer, const char *path);
PERDURE_HIDDEN const char *perdure_get_text(perdure_answer *answer, const char *path); /* NULL: it is no text */
PERDURE_HIDDEN int64_t perdure_get_int64(const perdure_answer *answer, const char *path, int64_t otherwise);
PERDURE_HIDDEN double perdure_get_double(const perdure_answer *answer, const char *path, double otherwise);
PERDURE_HIDDEN bool perdure_get_bool(const perdure_answer *answer, const char *path, bool otherwise);

/* --- jobs and their states --------------------------------------------------------------------------------------- */

typedef enum perdure_kind {
    PERDURE_KIND_NONE,
    PERDURE_KIND_SIGNED,
    PERDURE_KIND_UNSIGNED,
    PERDURE_KIND_FLOAT,
    PERDURE_KIND_BOOL,
    PERDURE_KIND_TEXT, /* const char * */
    PERDURE_KIND_CHARS, /* char[N] */
    PERDURE_KIND_JSON /* perdure_json: anything, as it is */
} perdure_kind;

typedef struct perdure_field {
    const char *name;
    perdure_kind kind;
    size_t offset, size;
} perdure_field;

/* `load` and `save` stand in for the fields, for states that a table cannot describe; perdure.zig has such. */
typedef struct perdure_job {
    const char *name, *export_name;
    bool resumable;
    size_t state_size;
    const void *defaults;
    const perdure_field *fields;
    size_t field_count;
    bool (*load)(perdure_ctx *ctx, perdure_json state, void *into);
    void (*save)(perdure_writer *writer, const void *state);
    perdure_result (*run)(perdure_ctx *ctx, void *state);
} perdure_job;

/* What execute_NAME does: reads the context and the state, runs the job, saves the state a last time. */
PERDURE_HIDDEN int32_t perdure_execute(const perdure_job *job, const char *context, uint32_t context_length,
                                       const char *state,
                                       uint32_t state_length);

/* The state of a job that needs none: PERDURE_JOB(sweep, perdure_no_state). */
typedef struct perdure_no_state {
    char nothing;
} perdure_no_state;
static const perdure_field perdure_fields_perdure_no_state[1] __attribute__((unused)) = {
    {"", PERDURE_KIND_NONE, 0, 0}};
enum { perdure_count_perdure_no_state = 0 };

#ifdef __cplusplus
}
constexpr perdure_kind perdure_kind_of(const signed char *) { return PERDURE_KIND_SIGNED; }
constexpr perdure_kind perdure_kind_of(const short *) { return PERDURE_KIND_SIGNED; }
constexpr perdure_kind perdure_kind_of(const int *) { return PERDURE_KIND_SIGNED; }
constexpr perdure_kind perdure_kind_of(const long *) { return PERDURE_KIND_SIGNED; }
constexpr perdure_kind perdure_kind_of(const long long *) { return PERDURE_KIND_SIGNED; }
constexpr perdure_kind perdure_kind_of(const unsigned char *) { return PERDURE_KIND_UNSIGNED; }
constexpr perdure_kind perdure_kind_of(const unsigned short *) { return PERDURE_KIND_UNSIGNED; }
constexpr perdure_kind perdure_kind_of(const unsigned *) { return PERDURE_KIND_UNSIGNED; }
constexpr perdure_kind perdure_kind_of(const unsigned long *) { return PERDURE_KIND_UNSIGNED; }
constexpr perdure_kind perdure_kind_of(const unsigned long long *) { return PERDURE_KIND_UNSIGNED; }
constexpr perdure_kind perdure_kind_of(const float *) { return PERDURE_KIND_FLOAT; }
constexpr perdure_kind perdure_kind_of(const double *) { return PERDURE_KIND_FLOAT; }
constexpr perdure_kind perdure_kind_of(const bool *) { return PERDURE_KIND_BOOL; }
constexpr perdure_kind perdure_kind_of(const char **) { return PERDURE_KIND_TEXT; }
constexpr perdure_kind perdure_kind_of(const perdure_json *) { return PERDURE_KIND_JSON; }
constexpr perdure_kind perdure_kind_of(const void *) { return PERDURE_KIND_NONE; }
template <size_t N> constexpr perdure_kind perdure_kind_of(char (*)[N]) { return PERDURE_KIND_CHARS; }
#define PERDURE_KIND_OF(type, member) perdure_kind_of(static_cast<decltype(type::member) *>(nullptr))
#define PERDURE_EXTERN_C extern "C"
#define PERDURE_ZERO
#else
#define PERDURE_EXTERN_C extern
#define PERDURE_ZERO 0
#define PERDURE_KIND_OF(type, member) \
    _Generic(&((type *)0)->member, \
        signed char *: PERDURE_KIND_SIGNED, \
        short *: PERDURE_KIND_SIGNED, \
        int *: PERDURE_KIND_SIGNED, \
        long *: PERDURE_KIND_SIGNED, \
        long long *: PERDURE_KIND_SIGNED, \
        unsigned char *: PERDURE_KIND_UNSIGNED, \
        unsigned short *: PERDURE_KIND_UNSIGNED, \
        unsigned *: PERDURE_KIND_UNSIGNED, \
        unsigned long *: PERDURE_KIND_UNSIGNED, \
        unsigned long long *: PERDURE_KIND_UNSIGNED, \
        float *: PERDURE_KIND_FLOAT, \
        double *: PERDURE_KIND_FLOAT, \
        bool *: PERDURE_KIND_BOOL, \
        const char **: PERDURE_KIND_TEXT, \
        char **: PERDURE_KIND_NONE, \
        perdure_json *: PERDURE_KIND_JSON, \
        default: _Generic(((type *)0)->member, char *: PERDURE_KIND_CHARS, default: PERDURE_KIND_NONE))
#endif

#define PERDURE_FIELD(type, member) \
    {#member, PERDURE_KIND_OF(type, member), offsetof(type, member), sizeof(((type *)0)->member)},
#define PERDURE_CHECK_FIELD(type, member) \
    PERDURE_STATIC_ASSERT(PERDURE_KIND_OF(type, member) != PERDURE_KIND_NONE, \
                          #type "." #member ": a state has integers, float, double, bool, const char *, char[N] " \
                                "and perdure_json");

/* PERDURE_STATE(type, field, field, …): which fields of a struct are a job's state, in their order in the JSON. Up to
 * 32. A field that the JSON lacks keeps its default, one that the struct lacks is skipped, one of another type fails
 * the job. A `const char *` is never NULL in a job. */
#define PERDURE_STATE(type, ...) \
    PERDURE_EACH(PERDURE_CHECK_FIELD, type, __VA_ARGS__) \
    static const perdure_field perdure_fields_##type[] = {PERDURE_EACH(PERDURE_FIELD, type, __VA_ARGS__)}; \
    enum { perdure_count_##type = sizeof perdure_fields_##type / sizeof perdure_fields_##type[0] }; \
    PERDURE_STATIC_ASSERT(perdure_count_##type <= 32, "a state has at most 32 fields")

/* PERDURE_JOB(function, state type): the function is a job, with its own name. All fields begin with zero or "". */
#define PERDURE_JOB(function, type) PERDURE_JOB_WITH(function, type, true, PERDURE_ZERO)

/* PERDURE_JOB_WITH(function, type, resumable, .field = value, …): with other defaults, as an initialiser. A job that
 * is not resumable begins anew after a pause or a crash, from the state that it was dispatched with. */
#define PERDURE_JOB_WITH(function, type, resumable, ...) \
    static const type perdure_defaults_##function = {__VA_ARGS__}; \
    static perdure_result perdure_run_##function(perdure_ctx *ctx, void *state) { \
        return function(ctx, (type *)state); \
    } \
    static const perdure_job perdure_job_##function = { \
        #function, "execute_" #function, resumable, sizeof(type), &perdure_defaults_##function, \
        perdure_fields_##type, (size_t)perdure_count_##type, NULL, NULL, perdure_run_##function}; \
    PERDURE_OFFER(function) \
    PERDURE_STATIC_ASSERT(sizeof #function <= 65, #function ": the name of a job has at most 64 characters")

/* PERDURE_INIT(function): `bool function(void)` is called in each new instance, before anything else. False: the
 * extension cannot work. PERDURE_CLEANUP likewise, when it is unloaded. */
#define PERDURE_INIT(function) \
    PERDURE_EXTERN_C bool perdure_hook_init(void); \
    bool perdure_hook_init(void) { return function(); } \
    PERDURE_STATIC_ASSERT(true, "")
#define PERDURE_CLEANUP(function) \
    PERDURE_EXTERN_C bool perdure_hook_cleanup(void); \
    bool perdure_hook_cleanup(void) { return function(); } \
    PERDURE_STATIC_ASSERT(true, "")

/* PERDURE_EXTENSION(id, name, version) or, with more of the manifest, written as JSON:
 *
 *     PERDURE_EXTENSION("notes", "Notes", "0.1.0",
 *         "description": "Writes notes",
 *         "permissions": {"methods": ["action:vdfs.write_sidecar"], "max_memory_mb": 16});
 *
 * `perdure build` takes it from the module's section perdure.manifest, and says what is wrong with it. */
#define PERDURE_EXTENSION(id, name, ...) \
    PERDURE_MANIFEST("{\"id\":" #id ",\"name\":" #name ",\"version\":" #__VA_ARGS__ "}", \
                     PERDURE_ASM("{\"id\":") PERDURE_ASM(#id) PERDURE_ASM(",\"name\":") PERDURE_ASM(#name) \
                         PERDURE_ASM(",\"version\":") PERDURE_ASM(#__VA_ARGS__) PERDURE_ASM("}")) \
    PERDURE_STATIC_ASSERT(sizeof(#__VA_ARGS__) > 1, "PERDURE_EXTENSION needs an id, a name and a version")

#define PERDURE_ASM(text) ".ascii " PERDURE_QUOTE(text) "\n"
#define PERDURE_QUOTE(text) #text

#ifdef __wasm__
#define PERDURE_MANIFEST(text, lines) \
    __asm__(".section .custom_section.perdure.manifest,\"\",@\n" lines ".text\n");
#define PERDURE_EXPORT(name) __attribute__((export_name(name)))
/* A pointer to every job, side by side: that is how plugin_init finds them. */
#define PERDURE_OFFER(function) \
    PERDURE_EXTERN_C PERDURE_EXPORT("execute_" #function) int32_t perdure_execute_##function( \
        const char *context, uint32_t context_length, const char *state, uint32_t state_length); \
    int32_t perdure_execute_##function(const char *context, uint32_t context_length, const char *state, \
                                       uint32_t state_length) { \
        return perdure_execute(&perdure_job_##function, context, context_length, state, state_length); \
    } \
    __attribute__((section("perdure_jobs"), used)) static const perdure_job *const perdure_offer_##function = \
        &perdure_job_##function;
#else
#define PERDURE_MANIFEST(text, lines) \
    static const char perdure_manifest[] __attribute__((unused)) = text;
#define PERDURE_OFFER(function)
#endif

/* PERDURE_EACH(macro, type, a, b, …): macro(type, a) macro(type, b) … */
#define PERDURE_EACH(m, t, ...) \
    PERDURE_PICK(__VA_ARGS__, PERDURE_E32, PERDURE_E31, PERDURE_E30, PERDURE_E29, PERDURE_E28, PERDURE_E27, PERDURE_E26, \
                 PERDURE_E25, PERDURE_E24, PERDURE_E23, PERDURE_E22, PERDURE_E21, PERDURE_E20, PERDURE_E19, PERDURE_E18, \
                 PERDURE_E17, PERDURE_E16, PERDURE_E15, PERDURE_E14, PERDURE_E13, PERDURE_E12, PERDURE_E11, PERDURE_E10, \
                 PERDURE_E9, PERDURE_E8, PERDURE_E7, PERDURE_E6, PERDURE_E5, PERDURE_E4, PERDURE_E3, PERDURE_E2, \
                 PERDURE_E1, 0) \
    (m, t, __VA_ARGS__)
#define PERDURE_PICK(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, \
                     a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, name, ...) \
    name
#define PERDURE_E1(m, t, a) m(t, a)
#define PERDURE_E2(m, t, a, ...) m(t, a) PERDURE_E1(m, t, __VA_ARGS__)
#define PERDURE_E3(m, t, a, ...) m(t, a) PERDURE_E2(m, t, __VA_ARGS__)
#define PERDURE_E4(m, t, a, ...) m(t, a) PERDURE_E3(m, t, __VA_ARGS__)
#define PERDURE_E5(m, t, a, ...) m(t, a) PERDURE_E4(m, t, __VA_ARGS__)
#define PERDURE_E6(m, t, a, ...) m(t, a) PERDURE_E5(m, t, __VA_ARGS__)
#define PERDURE_E7(m, t, a, ...) m(t, a) PERDURE_E6(m, t, __VA_ARGS__)
#define PERDURE_E8(m, t, a, ...) m(t, a) PERDURE_E7(m, t, __VA_ARGS__)
#define PERDURE_E9(m, t, a, ...) m(t, a) PERDURE_E8(m, t, __VA_ARGS__)
#define PERDURE_E10(m, t, a, ...) m(t, a) PERDURE_E9(m, t, __VA_ARGS__)
#define PERDURE_E11(m, t, a, ...) m(t, a) PERDURE_E10(m, t, __VA_ARGS__)
#define PERDURE_E12(m, t, a, ...) m(t, a) PERDURE_E11(m, t, __VA_ARGS__)
#define PERDURE_E13(m, t, a, ...) m(t, a) PERDURE_E12(m, t, __VA_ARGS__)
#define PERDURE_E14(m, t, a, ...) m(t, a) PERDURE_E13(m, t, __VA_ARGS__)
#define PERDURE_E15(m, t, a, ...) m(t, a) PERDURE_E14(m, t, __VA_ARGS__)
#define PERDURE_E16(m, t, a, ...) m(t, a) PERDURE_E15(m, t, __VA_ARGS__)
#define PERDURE_E17(m, t, a, ...) m(t, a) PERDURE_E16(m, t, __VA_ARGS__)
#define PERDURE_E18(m, t, a, ...) m(t, a) PERDURE_E17(m, t, __VA_ARGS__)
#define PERDURE_E19(m, t, a, ...) m(t, a) PERDURE_E18(m, t, __VA_ARGS__)
#define PERDURE_E20(m, t, a, ...) m(t, a) PERDURE_E19(m, t, __VA_ARGS__)
#define PERDURE_E21(m, t, a, ...) m(t, a) PERDURE_E20(m, t, __VA_ARGS__)
#define PERDURE_E22(m, t, a, ...) m(t, a) PERDURE_E21(m, t, __VA_ARGS__)
#define PERDURE_E23(m, t, a, ...) m(t, a) PERDURE_E22(m, t, __VA_ARGS__)
#define PERDURE_E24(m, t, a, ...) m(t, a) PERDURE_E23(m, t, __VA_ARGS__)
#define PERDURE_E25(m, t, a, ...) m(t, a) PERDURE_E24(m, t, __VA_ARGS__)
#define PERDURE_E26(m, t, a, ...) m(t, a) PERDURE_E25(m, t, __VA_ARGS__)
#define PERDURE_E27(m, t, a, ...) m(t, a) PERDURE_E26(m, t, __VA_ARGS__)
#define PERDURE_E28(m, t, a, ...) m(t, a) PERDURE_E27(m, t, __VA_ARGS__)
#define PERDURE_E29(m, t, a, ...) m(t, a) PERDURE_E28(m, t, __VA_ARGS__)
#define PERDURE_E30(m, t, a, ...) m(t, a) PERDURE_E29(m, t, __VA_ARGS__)
#define PERDURE_E31(m, t, a, ...) m(t, a) PERDURE_E30(m, t, __VA_ARGS__)
#define PERDURE_E32(m, t, a, ...) m(t, a) PERDURE_E31(m, t, __VA_ARGS__)

/* --- Tests ------------------------------------------------------------------------------------------------------- */

/* Compiled for another machine than wasm (`zig cc -o counter_test test/counter_test.c`), the host is this one, which
 * notes what a job does, a line for each call:
 *
 *     log info counter ready             warning Warning 1
 *     progress 0.5 Counted 1/2           items 1
 *     checkpoint {"current":1}           bytes 8
 *     interrupt 0                        call query:config.get {}
 *
 * A test includes the extension's source, runs jobs, and asks what they did:
 *
 *     #include "../src/counter.c"
 *
 *     int main(void) {
 *         PERDURE_TEST(perdure_test_run(counter, "{\"target\": 3}") == PERDURE_COMPLETED);
 *         PERDURE_TEST(perdure_test_count("checkpoint ") == 4);
 *         PERDURE_TEST(perdure_test_saw("checkpoint {\"current\":3,\"target\":3}"));
 *         return perdure_test_end();
 *     }
 */
#ifndef __wasm__
#ifdef __cplusplus
extern "C" {
#endif

/* Runs a job from a state (NULL: none); what was noted before is forgotten, what was arranged stays. */
#define perdure_test_run(function, state) perdure_test_run_job(&perdure_job_##function, state)
PERDURE_HIDDEN perdure_result perdure_test_run_job(const perdure_job *job, const char *state);
/* Whether there was exactly this line; how many lines begin like this; the end of the last line that begins so ("" if
 * there is none); all lines. */
PERDURE_HIDDEN bool perdure_test_saw(const char *line);
PERDURE_HIDDEN int perdure_test_count(const char *beginning);
PERDURE_HIDDEN const char *perdure_test_last(const char *beginning);
PERDURE_HIDDEN const char *perdure_test_lines(void);

/* What is arranged for the jobs from now on: what an operation answers (until then unknown_method), which question for
 * an interrupt is answered with "pause" (1 is the first; 0 none), whether checkpoints can be stored, which allocation
 * finds no memory (0 none). perdure_test_reset forgets it all. */
PERDURE_HIDDEN void perdure_test_answer(const char *method, const char *answer);
PERDURE_HIDDEN void perdure_test_interrupt_at(int question);
PERDURE_HIDDEN void perdure_test_disk_full(bool full);
PERDURE_HIDDEN void perdure_test_no_memory_at(int allocation);
PERDURE_HIDDEN void perdure_test_reset(void);

/* Bytes that are allocated now: 0 between jobs, if nothing leaks. */
PERDURE_HIDDEN size_t perdure_test_allocated(void);

#define PERDURE_TEST(condition) perdure_test_check(condition, #condition, __FILE__, __LINE__)
PERDURE_HIDDEN void perdure_test_check(bool condition, const char *text, const char *file, int line);
/* What main returns: 0 if all was well. Says so, too. */
PERDURE_HIDDEN int perdure_test_end(void);
#ifdef __cplusplus
}
#endif
#endif

#endif /* PERDURE_H */

/* ================================================================================================================= */

#if defined(PERDURE_IMPLEMENTATION) && !defined(PERDURE_IMPLEMENTED)
#define PERDURE_IMPLEMENTED

#ifndef __wasm__
#include <stdio.h>
#include <stdlib.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* --- the host ---------------------------------------------------------------------------------------------------- */

#ifdef __wasm__
#define PERDURE_IMPORT(name) __attribute__((import_module("spacedrive"), import_name(name)))
#else
#define PERDURE_IMPORT(name) static
#endif

PERDURE_IMPORT("spacedrive_call")
char *perdure_host_call(const char *method, uint32_t method_length, const uint8_t *library_id, const char *payload,
                        uint32_t payload_length);
PERDURE_IMPORT("spacedrive_log") void perdure_host_log(int32_t level, const char *text, uint32_t length);
PERDURE_IMPORT("job_report_progress")
void perdure_host_progress(const uint8_t *job_id, float progress, const char *message, uint32_t length);
PERDURE_IMPORT("job_checkpoint")
int32_t perdure_host_checkpoint(const uint8_t *job_id, const char *state, uint32_t length);
PERDURE_IMPORT("job_check_interrupt") int32_t perdure_host_check_interrupt(const uint8_t *job_id);
PERDURE_IMPORT("job_add_warning")
void perdure_host_add_warning(const uint8_t *job_id, const char *message, uint32_t length);
PERDURE_IMPORT("job_increment_bytes") void perdure_host_increment_bytes(const uint8_t *job_id, int64_t bytes);
PERDURE_IMPORT("job_increment_items") void perdure_host_increment_items(const uint8_t *job_id, int64_t count);
#ifdef __wasm__
PERDURE_IMPORT("register_job")
int32_t perdure_host_register_job(const char *name, uint32_t name_length, const char *export_name,
                                  uint32_t export_length, int32_t resumable);
#endif

/* --- bytes ------------------------------------------------------------------------------------------------------- */

#ifdef __wasm__
/* What a compiler may call on its own. Weak: whoever brings others (Zig does) keeps them. */
#define PERDURE_BUILTIN(name) __attribute__((weak, visibility("hidden"), no_builtin(name)))
PERDURE_BUILTIN("memcpy") void *memcpy(void *to, const void *from, size_t size) {
    for (size_t index = 0; index < size; index++) ((char *)to)[index] = ((const char *)from)[index];
    return to;
}
PERDURE_BUILTIN("memmove") void *memmove(void *to, const void *from, size_t size) {
    if ((uintptr_t)to <= (uintptr_t)from) return memcpy(to, from, size);
    while (size-- > 0) ((char *)to)[size] = ((const char *)from)[size];
    return to;
}
PERDURE_BUILTIN("memset") void *memset(void *to, int byte, size_t size) {
    for (size_t index = 0; index < size; index++) ((char *)to)[index] = (char)byte;
    return to;
}
PERDURE_BUILTIN("memcmp") int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *a = (const unsigned char *)left, *b = (const unsigned char *)right;
    for (size_t index = 0; index < size; index++) {
        if (a[index] != b[index]) return a[index] < b[index] ? -1 : 1;
    }
    return 0;
}
PERDURE_BUILTIN("strlen") size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != 0) length++;
    return length;
}
#endif
#define perdure_copy __builtin_memcpy
#define perdure_length __builtin_strlen
#define perdure_compare __builtin_memcmp

/* --- the heap ---------------------------------------------------------------------------------------------------- */

#ifdef __wasm__

/* A list of free spaces in the order of their addresses, first fit, neighbours joined when they are freed. When nothing
 * fits, the memory grows; when the host does not let it grow, the answer is NULL and nothing has changed. */
#define PERDURE_PAGE 65536u
#define PERDURE_ALIGNMENT 16u

/* Stands in front of every space, free or used. Its own size keeps what follows it aligned. */
struct perdure_space {
    uint32_t size; /* of the whole space, this header included; a multiple of the alignment */
    struct perdure_space *next; /* the next free one */
    uint8_t padding[PERDURE_ALIGNMENT - 8];
};
PERDURE_STATIC_ASSERT(sizeof(struct perdure_space) == PERDURE_ALIGNMENT,
                      "a header is as long as the alignment it keeps");

/* Where the linker's own data ends. Only its address means anything. */
extern uint8_t __heap_base;

static struct perdure_space *perdure_free_spaces;
static bool perdure_heap_begun;

/* Puts a space into the list, and joins it with the neighbours that it touches. */
static void perdure_release(struct perdure_space *space) {
    struct perdure_space **link = &perdure_free_spaces, *before = NULL;
    while (*link != NULL && *link < space) {
        before = *link;
        link = &before->next;
    }
    space->next = *link;
    *link = space;
    if (space->next != NULL && (uintptr_t)space + space->size == (uintptr_t)space->next) {
        space->size += space->next->size;
        space->next = space->next->next;
    }
    if (before != NULL && (uintptr_t)before + before->size == (uintptr_t)space) {
        before->size += space->size;
        before->next = space->next;
    }
}

static bool perdure_grow(uint32_t size) {
    if (!perdure_heap_begun) {
        /* The rest of the pages that the module starts with belongs to the heap. */
        perdure_heap_begun = true;
        uintptr_t start = ((uintptr_t)&__heap_base + PERDURE_ALIGNMENT - 1) & ~(uintptr_t)(PERDURE_ALIGNMENT - 1);
        uint32_t rest_size = (uint32_t)(__builtin_wasm_memory_size(0) * PERDURE_PAGE - start);
        if (rest_size > 0) {
            struct perdure_space *rest = (struct perdure_space *)start;
            rest->size = rest_size;
            perdure_release(rest);
        }
        if (rest_size >= size) return true;
    }
    uint32_t pages = (size - 1) / PERDURE_PAGE + 1;
    size_t old_pages = __builtin_wasm_memory_grow(0, pages);
    if (old_pages == SIZE_MAX) return false;
    struct perdure_space *added = (struct perdure_space *)(old_pages * PERDURE_PAGE);
    added->size = pages * PERDURE_PAGE;
    perdure_release(added);
    return true;
}

/* The first free space that is large enough, cut to size; NULL if there is none. */
static struct perdure_space *perdure_take(uint32_t size) {
    for (struct perdure_space **link = &perdure_free_spaces; *link != NULL; link = &(*link)->next) {
        struct perdure_space *space = *link;
        if (space->size < size) continue;
        if (space->size - size >= 2 * sizeof(struct perdure_space)) {
            struct perdure_space *rest = (struct perdure_space *)((uintptr_t)space + size);
            rest->size = space->size - size;
            rest->next = space->next;
            *link = rest;
            space->size = size;
        } else {
            *link = space->next;
        }
        return space;
    }
    return NULL;
}

PERDURE_EXPORT("wasm_alloc") void *wasm_alloc(uint32_t size);
PERDURE_EXPORT("wasm_alloc") void *wasm_alloc(uint32_t size) {
    /* Larger than any memory that could be got, and so large that the sums below would wrap round. */
    if (size > UINT32_MAX - 2 * PERDURE_PAGE) return NULL;
    uint32_t rounded = (size + PERDURE_ALIGNMENT - 1) & ~(PERDURE_ALIGNMENT - 1);
    uint32_t needed = rounded + (uint32_t)sizeof(struct perdure_space);
    struct perdure_space *space = perdure_take(needed);
    if (space == NULL && perdure_grow(needed)) space = perdure_take(needed);
    return space == NULL ? NULL : space + 1;
}

/* The host tells the size it asked for; the header knows it, too, and more exactly. */
PERDURE_EXPORT("wasm_free") void wasm_free(void *pointer, uint32_t size);
PERDURE_EXPORT("wasm_free") void wasm_free(void *pointer, uint32_t size) {
    (void)size;
    if (pointer != NULL) perdure_release((struct perdure_space *)pointer - 1);
}

static void *perdure_heap_alloc(size_t size) { return wasm_alloc((uint32_t)size); }
static void perdure_heap_free(void *pointer) { wasm_free(pointer, 0); }

#else

/* The C library's, counted, and without memory when a test wants that. */
static size_t perdure_test_live;
static int perdure_test_allocations_left;

static void *perdure_heap_alloc(size_t size) {
    if (perdure_test_allocations_left > 0 && --perdure_test_allocations_left == 0) return NULL;
    size_t *memory = (size_t *)malloc(size + 2 * sizeof(size_t));
    if (memory == NULL) return NULL;
    memory[0] = size;
    perdure_test_live += size;
    return memory + 2;
}

static void perdure_heap_free(void *pointer) {
    if (pointer == NULL) return;
    size_t *memory = (size_t *)pointer - 2;
    perdure_test_live -= memory[0];
    free(memory);
}

#endif

/* What belongs to a job, or to an answer of it (the owner): freed at its end, or before. */
struct perdure_block {
    struct perdure_block *next, *before;
    const void *owner;
    void *from_host; /* memory of the host's answer, freed along; NULL: what follows this header */
};

static void *perdure_own(perdure_ctx *ctx, const void *owner, size_t size, void *from_host) {
    struct perdure_block *block =
        size > SIZE_MAX / 2 ? NULL : (struct perdure_block *)perdure_heap_alloc(sizeof(struct perdure_block) + size);
    if (block == NULL) {
        perdure_heap_free(from_host);
        return NULL;
    }
    block->next = ctx->blocks;
    block->before = NULL;
    block->owner = owner;
    block->from_host = from_host;
    if (ctx->blocks != NULL) ctx->blocks->before = block;
    ctx->blocks = block;
    return from_host != NULL ? from_host : (void *)(block + 1);
}

static void perdure_disown(perdure_ctx *ctx, struct perdure_block *block) {
    if (block->before != NULL) block->before->next = block->next;
    else ctx->blocks = block->next;
    if (block->next != NULL) block->next->before = block->before;
    perdure_heap_free(block->from_host);
    perdure_heap_free(block);
}

/* Frees what belongs to an owner; NULL: everything. */
static void perdure_disown_all(perdure_ctx *ctx, const void *owner) {
    for (struct perdure_block *block = ctx->blocks, *next; block != NULL; block = next) {
        next = block->next;
        if (owner == NULL || block->owner == owner) perdure_disown(ctx, block);
    }
}

void *perdure_alloc(perdure_ctx *ctx, size_t size) { return perdure_own(ctx, ctx, size, NULL); }

void *perdure_alloc_for(perdure_ctx *ctx, const void *answer, size_t size) {
    return perdure_own(ctx, answer, size, NULL);
}

void perdure_free(perdure_ctx *ctx, void *memory) {
    if (memory != NULL) perdure_disown(ctx, (struct perdure_block *)memory - 1);
}

const char *perdure_keep(perdure_ctx *ctx, const char *text) {
    size_t size = perdure_length(text) + 1;
    char *copy = (char *)perdure_alloc(ctx, size);
    if (copy != NULL) perdure_copy(copy, text, size);
    return copy;
}

/* --- numbers ----------------------------------------------------------------------------------------------------- */

/* A whole number of up to 4096 bits: what it takes to turn doubles into decimal digits and back without an error. */
#define PERDURE_LIMBS 128
struct perdure_big {
    int count;
    uint32_t limbs[PERDURE_LIMBS];
};

static void perdure_big_of(struct perdure_big *big, uint64_t value) {
    big->count = 0;
    for (; value != 0; value >>= 32) big->limbs[big->count++] = (uint32_t)value;
}

static void perdure_big_scale(struct perdure_big *big, uint32_t factor, uint32_t carry) {
    uint64_t rest = carry;
    for (int index = 0; index < big->count; index++) {
        rest += (uint64_t)big->limbs[index] * factor;
        big->limbs[index] = (uint32_t)rest;
        rest >>= 32;
    }
    if (rest != 0 && big->count < PERDURE_LIMBS) big->limbs[big->count++] = (uint32_t)rest;
}

static void perdure_big_power(struct perdure_big *big, uint32_t base, uint32_t chunk, int per_chunk, int exponent) {
    for (; exponent >= per_chunk; exponent -= per_chunk) perdure_big_scale(big, chunk, 0);
    while (exponent-- > 0) perdure_big_scale(big, base, 0);
}

static void perdure_big_ten(struct perdure_big *big, int exponent) {
    perdure_big_power(big, 10, 1000000000u, 9, exponent);
}
static void perdure_big_two(struct perdure_big *big, int exponent) {
    perdure_big_power(big, 2, 1u << 31, 31, exponent);
}

static int perdure_big_bits(const struct perdure_big *big) {
    return big->count == 0 ? 0 : 32 * big->count - __builtin_clz(big->limbs[big->count - 1]);
}

static int perdure_big_compare(const struct perdure_big *left, const struct perdure_big *right) {
    if (left->count != right->count) return left->count < right->count ? -1 : 1;
    for (int index = left->count; index-- > 0;) {
        if (left->limbs[index] != right->limbs[index]) return left->limbs[index] < right->limbs[index] ? -1 : 1;
    }
    return 0;
}

/* Subtracts a number that is not larger. */
static void perdure_big_subtract(struct perdure_big *left, const struct perdure_big *right) {
    uint64_t borrow = 0;
    for (int index = 0; index < left->count; index++) {
        uint64_t difference = (uint64_t)left->limbs[index] - (index < right->count ? right->limbs[index] : 0) - borrow;
        left->limbs[index] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    while (left->count > 0 && left->limbs[left->count - 1] == 0) left->count--;
}

static uint32_t perdure_big_divide(struct perdure_big *big, uint32_t divisor) {
    uint64_t rest = 0;
    for (int index = big->count; index-- > 0;) {
        rest = rest << 32 | big->limbs[index];
        big->limbs[index] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    while (big->count > 0 && big->limbs[big->count - 1] == 0) big->count--;
    return (uint32_t)rest;
}

static double perdure_double_of_bits(uint64_t bits) {
    double value;
    perdure_copy(&value, &bits, sizeof value);
    return value;
}

static uint64_t perdure_bits_of_double(double value) {
    uint64_t bits;
    perdure_copy(&bits, &value, sizeof bits);
    return bits;
}

#define PERDURE_EXPONENT_BITS 0x7ff0000000000000u
#define PERDURE_MANTISSA_BITS 0x000fffffffffffffu

static bool perdure_is_finite(double value) {
    return (perdure_bits_of_double(value) & PERDURE_EXPONENT_BITS) != PERDURE_EXPONENT_BITS;
}

/* The double nearest to top / bottom, ties to the even one; infinite beyond the largest. Uses both numbers up. */
static double perdure_big_ratio(struct perdure_big *top, struct perdure_big *bottom) {
    /* Shifted, so that the quotient is between 1/2 and 2: its first 64 bits then have 63 or 64 that count. */
    int shift = perdure_big_bits(top) - perdure_big_bits(bottom);
    if (shift > 0) perdure_big_two(bottom, shift);
    else perdure_big_two(top, -shift);
    uint64_t quotient = 0;
    for (int bit = 0; bit < 64; bit++) {
        bool one = perdure_big_compare(top, bottom) >= 0;
        if (one) perdure_big_subtract(top, bottom);
        quotient = quotient << 1 | one;
        perdure_big_scale(top, 2, 0);
    }
    int length = 64 - __builtin_clzll(quotient), exponent = length - 64 + shift;
    /* Of the smallest doubles fewer bits are kept than 53. */
    int kept_bits = exponent >= -1022 ? 53 : exponent + 1075, dropped = length - kept_bits;
    if (kept_bits < 0) return 0;
    if (exponent > 1023) return perdure_double_of_bits(PERDURE_EXPONENT_BITS);
    uint64_t kept = dropped == 64 ? 0 : quotient >> dropped, half = (uint64_t)1 << (dropped - 1);
    uint64_t rest = dropped == 64 ? quotient : quotient & (((uint64_t)1 << dropped) - 1);
    if (rest > half || (rest == half && (top->count > 0 || (kept & 1) != 0))) kept++;
    /* Rounded up to one bit more, it is the next exponent's: the sum carries over. */
    return perdure_double_of_bits(exponent >= -1022 ? ((uint64_t)(exponent + 1022) << 52) + kept : kept);
}

/* A decimal number, 0.DIGITS times 10 to the power of `point`. 767 digits say any double exactly. */
struct perdure_decimal {
    int count, point;
    char digits[792];
};

static void perdure_decimal_strip(struct perdure_decimal *decimal) {
    while (decimal->count > 0 && decimal->digits[decimal->count - 1] == '0') decimal->count--;
}

/* The digits of a finite double without its sign, all of them; none for zero. */
static void perdure_decimal_of(struct perdure_decimal *decimal, double value) {
    uint64_t bits = perdure_bits_of_double(value), mantissa = bits & PERDURE_MANTISSA_BITS;
    int exponent = (int)((bits & PERDURE_EXPONENT_BITS) >> 52);
    if (exponent > 0) mantissa |= (uint64_t)1 << 52;
    else exponent = 1;
    exponent -= 1075;
    struct perdure_big big;
    perdure_big_of(&big, mantissa);
    if (exponent > 0) perdure_big_two(&big, exponent);
    else perdure_big_power(&big, 5, 1220703125u, 13, -exponent); /* a half is five tenths */
    int start = (int)sizeof decimal->digits;
    while (big.count > 0) {
        uint32_t chunk = perdure_big_divide(&big, 1000000000u);
        for (int digit = 0; digit < 9; digit++, chunk /= 10) decimal->digits[--start] = (char)('0' + chunk % 10);
    }
    while (start < (int)sizeof decimal->digits && decimal->digits[start] == '0') start++;
    decimal->count = (int)sizeof decimal->digits - start;
    decimal->point = decimal->count + (exponent < 0 ? exponent : 0);
    for (int index = 0; index < decimal->count; index++) decimal->digits[index] = decimal->digits[start + index];
    perdure_decimal_strip(decimal);
}

/* Cuts a decimal off after so many digits, at least none, and says whether to round it up. */
static bool perdure_decimal_cut(struct perdure_decimal *decimal, int keep) {
    if (keep >= decimal->count) return false;
    if (keep < 0) {
        decimal->count = 0;
        return false;
    }
    char next = decimal->digits[keep];
    bool up = next > '5' || (next == '5' && (keep + 1 < decimal->count ||
                                             (keep > 0 && (decimal->digits[keep - 1] & 1) != 0)));
    decimal->count = keep;
    return up;
}

/* Adds one to the digit number `last`; those behind it are gone. */
static void perdure_decimal_increment(struct perdure_decimal *decimal, int last) {
    while (decimal->count < last) decimal->digits[decimal->count++] = '0';
    while (decimal->count > 0 && decimal->digits[decimal->count - 1] == '9') decimal->count--;
    if (decimal->count == 0) {
        decimal->digits[decimal->count++] = '1';
        decimal->point++;
    } else {
        decimal->digits[decimal->count - 1]++;
    }
}

static void perdure_decimal_round(struct perdure_decimal *decimal, int keep) {
    if (perdure_decimal_cut(decimal, keep)) perdure_decimal_increment(decimal, keep);
    perdure_decimal_strip(decimal);
}

/* The double nearest to a decimal. */
static double perdure_decimal_value(const struct perdure_decimal *decimal) {
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int exponent = decimal->point - decimal->count;
    if (decimal->count == 0 || decimal->point < -330) return 0;
    if (decimal->point > 310) return perdure_double_of_bits(PERDURE_EXPONENT_BITS);
    if (decimal->count <= 15 && exponent >= -22 && exponent <= 22) {
        /* Both are doubles exactly, so that one operation rounds once. */
        double whole = 0;
        for (int index = 0; index < decimal->count; index++) whole = whole * 10 + (decimal->digits[index] - '0');
        return exponent < 0 ? whole / tens[-exponent] : whole * tens[exponent];
    }
    struct perdure_big top, bottom;
    perdure_big_of(&top, 0);
    perdure_big_of(&bottom, 1);
    for (int index = 0; index < decimal->count; index++) {
        perdure_big_scale(&top, 10, (uint32_t)(decimal->digits[index] - '0'));
    }
    perdure_big_ten(exponent < 0 ? &bottom : &top, exponent < 0 ? -exponent : exponent);
    return perdure_big_ratio(&top, &bottom);
}

/* The fewest digits that read back as the same double, and of those the nearest. */
static void perdure_decimal_shortest(struct perdure_decimal *decimal, double value) {
    struct perdure_decimal exact;
    value = perdure_double_of_bits(perdure_bits_of_double(value) & ~((uint64_t)1 << 63));
    perdure_decimal_of(&exact, value);
    /* Of 15 digits any number is told from its neighbours, but for the very smallest, which have fewer bits. */
    int keep = value < 2.2250738585072014e-308 ? 1 : 15;
    for (;; keep++) {
        *decimal = exact;
        bool up = perdure_decimal_cut(decimal, keep);
        for (int try_other = 0; try_other < 2; try_other++, up = !up) {
            struct perdure_decimal tried = *decimal;
            if (up) perdure_decimal_increment(&tried, keep);
            perdure_decimal_strip(&tried);
            if (keep >= 17 || perdure_decimal_value(&tried) == value) {
                *decimal = tried;
                return;
            }
        }
    }
}

/* --- texts ------------------------------------------------------------------------------------------------------- */

static void perdure_give_up(perdure_writer *writer, const char *problem) {
    if (writer->problem == NULL) writer->problem = problem;
}

static void perdure_put(perdure_writer *writer, const char *bytes, size_t length) {
    if (writer->problem != NULL) return;
    if (length >= writer->capacity - writer->length) {
        size_t total = writer->length + length, capacity = total * 2 + 64;
        char *grown = total < length || total > SIZE_MAX / 4 ? NULL : (char *)perdure_heap_alloc(capacity);
        if (grown == NULL) {
            perdure_give_up(writer, "there is no memory left");
            return;
        }
        if (writer->length > 0) perdure_copy(grown, writer->bytes, writer->length);
        perdure_heap_free(writer->bytes);
        writer->bytes = grown;
        writer->capacity = capacity;
    }
    if (length > 0) perdure_copy(writer->bytes + writer->length, bytes, length);
    writer->length += length;
    writer->bytes[writer->length] = 0;
}

static void perdure_put_text(perdure_writer *writer, const char *text) {
    perdure_put(writer, text, perdure_length(text));
}

static void perdure_put_byte(perdure_writer *writer, char byte) { perdure_put(writer, &byte, 1); }

static void perdure_put_times(perdure_writer *writer, char byte, int times) {
    while (times-- > 0) perdure_put_byte(writer, byte);
}

static void perdure_put_unsigned(perdure_writer *writer, uint64_t value, unsigned base) {
    char digits[20], *at = digits + sizeof digits;
    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    perdure_put(writer, at, (size_t)(digits + sizeof digits - at));
}

static void perdure_put_signed(perdure_writer *writer, int64_t value) {
    if (value < 0) perdure_put_byte(writer, '-');
    /* The opposite of the smallest number exists only without a sign. */
    perdure_put_unsigned(writer, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

/* The digits from number `from` up to `to`; beyond the last one zeros, in front of the first one, too. */
static void perdure_put_digits(perdure_writer *writer, const struct perdure_decimal *decimal, int from, int to) {
    for (int index = from; index < to; index++) {
        perdure_put_byte(writer, index >= 0 && index < decimal->count ? decimal->digits[index] : '0');
    }
}

/* As Python writes a float: 0.5, 3.0, 1e+16, 1e-05. `whole`: how a number without a fraction ends. */
static void perdure_put_decimal(perdure_writer *writer, const struct perdure_decimal *decimal, const char *whole) {
    int count = decimal->count, point = count == 0 ? 1 : decimal->point;
    if (point > -4 && point <= 16) {
        perdure_put_digits(writer, decimal, point > 0 ? 0 : -1, point > 0 ? point : 0);
        if (count <= point) {
            perdure_put_text(writer, whole);
        } else {
            perdure_put_byte(writer, '.');
            perdure_put_digits(writer, decimal, point, count);
        }
        return;
    }
    perdure_put_digits(writer, decimal, 0, 1);
    if (count > 1) {
        perdure_put_byte(writer, '.');
        perdure_put_digits(writer, decimal, 1, count);
    }
    int exponent = point - 1;
    perdure_put_text(writer, exponent < 0 ? "e-" : "e+");
    if (exponent < 0) exponent = -exponent;
    if (exponent < 10) perdure_put_byte(writer, '0');
    perdure_put_unsigned(writer, (uint64_t)exponent, 10);
}

static bool perdure_put_sign(perdure_writer *writer, double value) {
    bool negative = perdure_bits_of_double(value) >> 63 != 0;
    if (!perdure_is_finite(value)) {
        bool infinite = (perdure_bits_of_double(value) & PERDURE_MANTISSA_BITS) == 0;
        perdure_put_text(writer, !infinite ? "nan" : negative ? "-inf" : "inf");
        return false;
    }
    if (negative) perdure_put_byte(writer, '-');
    return true;
}

/* %f and %g. */
static void perdure_put_double(perdure_writer *writer, double value, char conversion, int precision) {
    struct perdure_decimal decimal;
    if (!perdure_put_sign(writer, value)) return;
    if (conversion == 'g' && precision < 0) {
        perdure_decimal_shortest(&decimal, value);
    } else {
        perdure_decimal_of(&decimal, value);
        if (conversion == 'f' && precision < 0) precision = 6;
        perdure_decimal_round(&decimal, conversion == 'f' ? decimal.point + precision : precision > 0 ? precision : 1);
    }
    if (conversion == 'g') {
        perdure_put_decimal(writer, &decimal, "");
        return;
    }
    int point = decimal.count == 0 ? 0 : decimal.point;
    perdure_put_digits(writer, &decimal, point > 0 ? 0 : -1, point > 0 ? point : 0);
    if (precision > 0) {
        perdure_put_byte(writer, '.');
        perdure_put_digits(writer, &decimal, point, point + precision);
    }
}

/* How many bytes the character at `text` has; 0: it is no UTF-8 (too long a form, a surrogate, beyond U+10FFFF). */
static size_t perdure_character(const char *text, size_t length) {
    const unsigned char *at = (const unsigned char *)text;
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
    if (size > length) return 0;
    for (size_t index = 1; index < size; index++) {
        if ((at[index] & 0xc0) != 0x80) return 0;
    }
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f)) return 0;
    if ((at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f)) return 0;
    return size;
}

/* A text within the quotes of JSON. */
static void perdure_put_escaped(perdure_writer *writer, const char *bytes, size_t length) {
    static const char plain[] = "\"\\\b\f\n\r\t", escapes[] = "\"\\bfnrt";
    size_t start = 0;
    for (size_t at = 0; at < length;) {
        unsigned char byte = (unsigned char)bytes[at];
        size_t size = perdure_character(bytes + at, length - at);
        if (size == 0) {
            perdure_give_up(writer, "a text is not UTF-8");
            return;
        }
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            at += size;
            continue;
        }
        perdure_put(writer, bytes + start, at - start);
        int index = 0;
        while (plain[index] != 0 && plain[index] != (char)byte) index++;
        perdure_put_byte(writer, '\\');
        if (plain[index] != 0) {
            perdure_put_byte(writer, escapes[index]);
        } else {
            perdure_put_text(writer, byte < 0x10 ? "u000" : "u00");
            perdure_put_unsigned(writer, byte, 16);
        }
        start = ++at;
    }
    perdure_put(writer, bytes + start, length - start);
}

/* One printf conversion, `at` behind its percent sign; returns what follows it, NULL for one that is not known.
 * `json`: a text becomes a string of JSON, in quotes unless it is `quoted` already. */
static const char *perdure_put_conversion(perdure_writer *writer, const char *at, va_list *arguments, bool json,
                                          bool quoted) {
    bool left = false, zeros = false;
    int width = 0, precision = -1, size = 0;
    for (; *at == '-' || *at == '0'; at++) *at == '-' ? (left = true) : (zeros = true);
    for (; *at >= '0' && *at <= '9' && width < 1000; at++) width = width * 10 + (*at - '0');
    if (*at == '.') {
        precision = 0;
        if (*++at == '*') {
            precision = va_arg(*arguments, int);
            at++;
        }
        for (; *at >= '0' && *at <= '9' && precision < 1000; at++) precision = precision * 10 + (*at - '0');
    }
    for (;; at++) {
        if (*at == 'l') size += 1;
        else if (*at == 'z' || *at == 't') size = sizeof(size_t) == sizeof(long) ? 1 : 0;
        else if (*at == 'j') size = 2;
        else if (*at != 'h') break;
    }
    size_t start = writer->length;
    switch (*at) {
    case 'd':
    case 'i':
        perdure_put_signed(writer, size == 0   ? va_arg(*arguments, int)
                                   : size == 1 ? va_arg(*arguments, long)
                                               : va_arg(*arguments, long long));
        break;
    case 'u':
    case 'x':
        perdure_put_unsigned(writer,
                             size == 0   ? va_arg(*arguments, unsigned)
                             : size == 1 ? va_arg(*arguments, unsigned long)
                                         : va_arg(*arguments, unsigned long long),
                             *at == 'x' ? 16 : 10);
        break;
    case 'f':
    case 'g': {
        double value = va_arg(*arguments, double);
        if (json && !quoted && !perdure_is_finite(value)) perdure_give_up(writer, "a double is not finite");
        else perdure_put_double(writer, value, *at, precision);
        break;
    }
    case 'c': {
        char byte = (char)va_arg(*arguments, int);
        if (json && !quoted) perdure_put_byte(writer, '"');
        json ? perdure_put_escaped(writer, &byte, 1) : perdure_put_byte(writer, byte);
        if (json && !quoted) perdure_put_byte(writer, '"');
        break;
    }
    case 's': {
        const char *text = va_arg(*arguments, const char *);
        size_t length = 0;
        if (text == NULL) {
            perdure_put_text(writer, json && !quoted ? "null" : "(null)");
            break;
        }
        while ((precision < 0 || length < (size_t)precision) && text[length] != 0) length++;
        if (json && !quoted) perdure_put_byte(writer, '"');
        json ? perdure_put_escaped(writer, text, length) : perdure_put(writer, text, length);
        if (json && !quoted) perdure_put_byte(writer, '"');
        break;
    }
    case '%':
        perdure_put_byte(writer, '%');
        break;
    default:
        return NULL;
    }
    int missing = width - (int)(writer->length - start);
    if (missing > 0 && writer->problem == NULL) {
        perdure_put_times(writer, ' ', missing);
        if (!left && writer->problem == NULL) {
            bool number = zeros && *at != 's' && *at != 'c';
            size_t sign = number && writer->bytes[start] == '-' ? 1 : 0;
            for (size_t index = writer->length; index-- > start + sign + (size_t)missing;) {
                writer->bytes[index] = writer->bytes[index - (size_t)missing];
            }
            for (size_t index = 0; index < (size_t)missing; index++) {
                writer->bytes[start + sign + index] = number ? '0' : ' ';
            }
        }
    }
    return at + 1;
}

static void perdure_put_format(perdure_writer *writer, const char *format, va_list *arguments) {
    while (*format != 0) {
        const char *end = format;
        while (*end != 0 && *end != '%') end++;
        perdure_put(writer, format, (size_t)(end - format));
        if (*end == 0) return;
        format = perdure_put_conversion(writer, end + 1, arguments, false, false);
        if (format == NULL) {
            perdure_put_text(writer, end); /* what follows it would take the wrong arguments */
            return;
        }
    }
}

/* The format of a payload: single quotes become double ones, white space between the values goes. */
static void perdure_put_payload(perdure_writer *writer, const char *format, va_list *arguments) {
    char quote = 0;
    while (*format != 0) {
        char byte = *format++;
        if (byte == '%') {
            format = perdure_put_conversion(writer, format, arguments, true, quote != 0);
            if (format == NULL) {
                perdure_give_up(writer, "the payload's format has a conversion that perdure.h does not know");
                return;
            }
        } else if (quote != 0 ? byte == quote : byte == '\'' || byte == '"') {
            quote = quote == 0 ? byte : 0;
            perdure_put_byte(writer, '"');
        } else if (quote == '\'' && byte == '"') {
            perdure_put_text(writer, "\\\"");
        } else if (quote != 0 && byte == '\\' && *format != 0) {
            if (*format != '\'') perdure_put_byte(writer, byte); /* JSON has no escape for it */
            perdure_put_byte(writer, *format++);
        } else if (quote != 0 || (byte != ' ' && byte != '\n' && byte != '\t')) {
            perdure_put_byte(writer, byte);
        }
    }
}

/* --- writing JSON ------------------------------------------------------------------------------------------------ */

static void perdure_write_begin(perdure_writer *writer) {
    if (writer->comma) perdure_put_byte(writer, ',');
    writer->comma = true;
}

static void perdure_write_plain(perdure_writer *writer, const char *text, bool comma_before, bool comma_after) {
    if (comma_before) perdure_write_begin(writer);
    perdure_put_text(writer, text);
    writer->comma = comma_after;
}

void perdure_write_object(perdure_writer *writer) { perdure_write_plain(writer, "{", true, false); }
void perdure_write_object_end(perdure_writer *writer) { perdure_write_plain(writer, "}", false, true); }
void perdure_write_array(perdure_writer *writer) { perdure_write_plain(writer, "[", true, false); }
void perdure_write_array_end(perdure_writer *writer) { perdure_write_plain(writer, "]", false, true); }
void perdure_write_null(perdure_writer *writer) { perdure_write_plain(writer, "null", true, true); }

void perdure_write_bool(perdure_writer *writer, bool value) {
    perdure_write_plain(writer, value ? "true" : "false", true, true);
}

void perdure_write_int64(perdure_writer *writer, int64_t value) {
    perdure_write_begin(writer);
    perdure_put_signed(writer, value);
}

void perdure_write_uint64(perdure_writer *writer, uint64_t value) {
    perdure_write_begin(writer);
    perdure_put_unsigned(writer, value, 10);
}

void perdure_write_double(perdure_writer *writer, double value) {
    struct perdure_decimal decimal;
    perdure_write_begin(writer);
    if (!perdure_is_finite(value)) {
        perdure_give_up(writer, "a double is not finite");
        return;
    }
    perdure_put_sign(writer, value);
    perdure_decimal_shortest(&decimal, value);
    perdure_put_decimal(writer, &decimal, ".0");
}

void perdure_write_bytes(perdure_writer *writer, const char *bytes, size_t length) {
    perdure_write_begin(writer);
    perdure_put_byte(writer, '"');
    perdure_put_escaped(writer, bytes, length);
    perdure_put_byte(writer, '"');
}

void perdure_write_text(perdure_writer *writer, const char *text) {
    perdure_write_bytes(writer, text, perdure_length(text));
}

void perdure_write_key(perdure_writer *writer, const char *key) {
    perdure_write_text(writer, key);
    perdure_put_byte(writer, ':');
    writer->comma = false;
}

void perdure_write_json(perdure_writer *writer, perdure_json value) {
    perdure_write_begin(writer);
    if (value.text == NULL) perdure_put_text(writer, "null");
    else perdure_put(writer, value.text, value.length);
}

void perdure_writer_free(perdure_writer *writer) {
    perdure_heap_free(writer->bytes);
    writer->bytes = NULL;
    writer->length = writer->capacity = 0;
}

/* --- reading JSON ------------------------------------------------------------------------------------------------ */

struct perdure_reader {
    const char *at, *end;
    const char *problem;
};

static bool perdure_expect(struct perdure_reader *reader, const char *problem) {
    if (reader->problem == NULL) reader->problem = problem;
    return false;
}

static void perdure_skip_space(struct perdure_reader *reader) {
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r')) {
        reader->at++;
    }
}

/* Steps over white space and, if it is there, this one character. */
static bool perdure_accept(struct perdure_reader *reader, char wanted) {
    perdure_skip_space(reader);
    if (reader->problem != NULL || reader->at == reader->end || *reader->at != wanted) return false;
    reader->at++;
    return true;
}

static bool perdure_skip_digits(struct perdure_reader *reader) {
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') reader->at++;
    return reader->at > start || perdure_expect(reader, "a digit");
}

static bool perdure_skip_number(struct perdure_reader *reader) {
    if (*reader->at == '-') reader->at++;
    const char *start = reader->at;
    if (!perdure_skip_digits(reader)) return false;
    if (*start == '0' && reader->at > start + 1) {
        reader->at = start + 1;
        return perdure_expect(reader, "a number without leading zeros");
    }
    if (reader->at < reader->end && *reader->at == '.') {
        reader->at++;
        if (!perdure_skip_digits(reader)) return false;
    }
    if (reader->at < reader->end && (*reader->at == 'e' || *reader->at == 'E')) {
        reader->at++;
        if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-')) reader->at++;
        if (!perdure_skip_digits(reader)) return false;
    }
    return true;
}

static bool perdure_skip_word(struct perdure_reader *reader, const char *word) {
    size_t length = perdure_length(word);
    if ((size_t)(reader->end - reader->at) < length || perdure_compare(reader->at, word, length) != 0) {
        return perdure_expect(reader, "a value");
    }
    reader->at += length;
    return true;
}

/* Four hexadecimal digits; -1: there are none. */
static int perdure_read_unit(struct perdure_reader *reader) {
    int unit = 0;
    for (int digit = 0; digit < 4; digit++) {
        char byte = reader->at < reader->end ? *reader->at : 0;
        char lower = (char)(byte | 0x20);
        int value = byte >= '0' && byte <= '9' ? byte - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
        if (value < 0) {
            perdure_expect(reader, "four hexadecimal digits");
            return -1;
        }
        unit = unit * 16 + value;
        reader->at++;
    }
    return unit;
}

/* An escape behind its backslash, as UTF-8; returns its bytes, 0 for none. */
static size_t perdure_read_escape(struct perdure_reader *reader, char bytes[4]) {
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char name = reader->at < reader->end ? *reader->at : 0;
    for (int index = 0; names[index] != 0; index++) {
        if (names[index] == name) {
            reader->at++;
            bytes[0] = meanings[index];
            return 1;
        }
    }
    if (name != 'u') {
        perdure_expect(reader, "one of the escapes of JSON");
        return 0;
    }
    reader->at++;
    int code = perdure_read_unit(reader);
    if (code < 0) return 0;
    if (code >= 0xd800 && code < 0xe000) {
        int low = -1;
        if (code < 0xdc00 && reader->end - reader->at >= 2 && reader->at[0] == '\\' && reader->at[1] == 'u') {
            reader->at += 2;
            low = perdure_read_unit(reader);
        }
        if (low < 0xdc00 || low >= 0xe000) {
            perdure_expect(reader, "both halves of a surrogate pair");
            return 0;
        }
        code = 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
    }
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t index = size; index-- > 1; code >>= 6) bytes[index] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)((size == 2 ? 0xc0 : size == 3 ? 0xe0 : 0xf0) | code);
    return size;
}

/* A string from its first quote on; its bytes go to `bytes` as far as there is room. */
static bool perdure_read_text(struct perdure_reader *reader, char *bytes, size_t capacity, size_t *length) {
    size_t total = 0;
    reader->at++;
    for (;;) {
        if (reader->at >= reader->end) return perdure_expect(reader, "the end of a string");
        char escaped[4];
        const char *from = reader->at;
        size_t size;
        if ((unsigned char)*from < 0x20) return perdure_expect(reader, "no control character in a string");
        if (*from == '"') break;
        if (*from == '\\') {
            reader->at++;
            size = perdure_read_escape(reader, escaped);
            if (size == 0) return false;
            from = escaped;
        } else {
            size = perdure_character(from, (size_t)(reader->end - from));
            if (size == 0) return perdure_expect(reader, "UTF-8");
            reader->at += size;
        }
        for (size_t index = 0; index < size; index++, total++) {
            if (total < capacity) bytes[total] = from[index];
        }
    }
    reader->at++;
    if (length != NULL) *length = total;
    return true;
}

static bool perdure_skip_value(struct perdure_reader *reader, int depth);

static bool perdure_skip_members(struct perdure_reader *reader, int depth, bool object) {
    char end = object ? '}' : ']';
    if (depth == PERDURE_JSON_DEPTH) return perdure_expect(reader, "less depth");
    reader->at++;
    if (perdure_accept(reader, end)) return true;
    do {
        if (object) {
            perdure_skip_space(reader);
            if (reader->at >= reader->end || *reader->at != '"') return perdure_expect(reader, "a key");
            if (!perdure_read_text(reader, NULL, 0, NULL)) return false;
            if (!perdure_accept(reader, ':')) return perdure_expect(reader, "a colon");
        }
        if (!perdure_skip_value(reader, depth + 1)) return false;
    } while (perdure_accept(reader, ','));
    if (perdure_accept(reader, end)) return true;
    return perdure_expect(reader, object ? "a comma or a closing brace" : "a comma or a closing bracket");
}

static bool perdure_skip_value(struct perdure_reader *reader, int depth) {
    perdure_skip_space(reader);
    switch (reader->at < reader->end ? *reader->at : 0) {
    case '"':
        return perdure_read_text(reader, NULL, 0, NULL);
    case 't':
        return perdure_skip_word(reader, "true");
    case 'f':
        return perdure_skip_word(reader, "false");
    case 'n':
        return perdure_skip_word(reader, "null");
    case '[':
        return perdure_skip_members(reader, depth, false);
    case '{':
        return perdure_skip_members(reader, depth, true);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return perdure_skip_number(reader);
    default:
        return perdure_expect(reader, "a value");
    }
}

bool perdure_json_parse(const char *text, size_t length, perdure_json *value, const char **problem, size_t *at) {
    if (length == 0) text = ""; /* it may have been NULL */
    struct perdure_reader reader = {text, text + length, NULL};
    value->text = NULL;
    value->length = 0;
    perdure_skip_space(&reader);
    const char *start = reader.at;
    if (perdure_skip_value(&reader, 0)) {
        size_t size = (size_t)(reader.at - start);
        perdure_skip_space(&reader);
        if (reader.at == reader.end) {
            value->text = start;
            value->length = size;
            return true;
        }
        perdure_expect(&reader, "nothing more");
    }
    if (problem != NULL) *problem = reader.problem;
    if (at != NULL) *at = (size_t)(reader.at - text);
    return false;
}

perdure_json_kind perdure_json_kind_of(perdure_json value) {
    switch (value.text == NULL ? 0 : *value.text) {
    case 0:
        return PERDURE_JSON_ABSENT;
    case '"':
        return PERDURE_JSON_TEXT;
    case 't':
    case 'f':
        return PERDURE_JSON_BOOL;
    case 'n':
        return PERDURE_JSON_NULL;
    case '[':
        return PERDURE_JSON_ARRAY;
    case '{':
        return PERDURE_JSON_OBJECT;
    default:
        return PERDURE_JSON_NUMBER;
    }
}

bool perdure_json_next(perdure_json container, perdure_json *item, perdure_json *key) {
    perdure_json_kind kind = perdure_json_kind_of(container);
    if (kind != PERDURE_JSON_ARRAY && kind != PERDURE_JSON_OBJECT) return false;
    /* The text was checked, so that every step finds what it looks for; its last byte is the closing one. */
    struct perdure_reader reader = {container.text + 1, container.text + container.length - 1, NULL};
    if (item->text != NULL) {
        reader.at = item->text + item->length;
        if (!perdure_accept(&reader, ',')) return false;
    }
    perdure_skip_space(&reader);
    if (reader.at == reader.end) return false;
    if (kind == PERDURE_JSON_OBJECT) {
        const char *start = reader.at;
        if (!perdure_read_text(&reader, NULL, 0, NULL)) return false;
        if (key != NULL) {
            key->text = start;
            key->length = (size_t)(reader.at - start);
        }
        if (!perdure_accept(&reader, ':')) return false;
        perdure_skip_space(&reader);
    }
    item->text = reader.at;
    if (!perdure_skip_value(&reader, 0)) return false;
    item->length = (size_t)(reader.at - item->text);
    return true;
}

perdure_json perdure_json_get(perdure_json object, const char *key) {
    perdure_json item = {NULL, 0}, name = {NULL, 0}, found = {NULL, 0};
    if (perdure_json_kind_of(object) != PERDURE_JSON_OBJECT) return found;
    while (perdure_json_next(object, &item, &name)) {
        if (perdure_json_equals(name, key)) found = item;
    }
    return found;
}

bool perdure_json_bytes(perdure_json value, char *bytes, size_t capacity, size_t *length) {
    if (perdure_json_kind_of(value) != PERDURE_JSON_TEXT) return false;
    struct perdure_reader reader = {value.text, value.text + value.length, NULL};
    return perdure_read_text(&reader, bytes, capacity, length);
}

bool perdure_json_equals(perdure_json value, const char *text) {
    if (perdure_json_kind_of(value) != PERDURE_JSON_TEXT) return false;
    struct perdure_reader reader = {value.text + 1, value.text + value.length - 1, NULL};
    while (reader.at < reader.end) {
        char bytes[4];
        size_t size = 1;
        if (*reader.at == '\\') {
            reader.at++;
            size = perdure_read_escape(&reader, bytes);
        } else {
            bytes[0] = *reader.at++;
        }
        for (size_t index = 0; index < size; index++, text++) {
            if (*text == 0 || *text != bytes[index]) return false;
        }
    }
    return *text == 0;
}

static const char *perdure_own_text(perdure_ctx *ctx, const void *owner, perdure_json value) {
    size_t length;
    if (!perdure_json_bytes(value, NULL, 0, &length)) return NULL;
    char *text = (char *)perdure_own(ctx, owner, length + 1, NULL);
    if (text == NULL) return NULL;
    perdure_json_bytes(value, text, length, &length);
    text[length] = 0;
    if (perdure_length(text) == length) return text;
    perdure_free(ctx, text);
    return NULL;
}

const char *perdure_json_text(perdure_ctx *ctx, perdure_json value) { return perdure_own_text(ctx, ctx, value); }

bool perdure_json_bool(perdure_json value, bool *result) {
    if (perdure_json_kind_of(value) != PERDURE_JSON_BOOL) return false;
    *result = *value.text == 't';
    return true;
}

/* The digits of a whole number that fits into 64 bits. */
static bool perdure_json_whole(perdure_json value, uint64_t *magnitude, bool *negative) {
    if (perdure_json_kind_of(value) != PERDURE_JSON_NUMBER) return false;
    *magnitude = 0;
    *negative = *value.text == '-';
    for (size_t index = *negative; index < value.length; index++) {
        unsigned digit = (unsigned)(value.text[index] - '0');
        if (digit > 9 || *magnitude > (UINT64_MAX - digit) / 10) return false;
        *magnitude = *magnitude * 10 + digit;
    }
    return true;
}

bool perdure_json_uint64(perdure_json value, uint64_t *result) {
    uint64_t magnitude;
    bool negative;
    if (!perdure_json_whole(value, &magnitude, &negative) || (negative && magnitude != 0)) return false;
    *result = magnitude;
    return true;
}

bool perdure_json_int64(perdure_json value, int64_t *result) {
    uint64_t magnitude;
    bool negative;
    if (!perdure_json_whole(value, &magnitude, &negative) || magnitude > (uint64_t)INT64_MAX + negative) return false;
    *result = negative ? (int64_t)-magnitude : (int64_t)magnitude;
    return true;
}

bool perdure_json_double(perdure_json value, double *result) {
    if (perdure_json_kind_of(value) != PERDURE_JSON_NUMBER) return false;
    struct perdure_decimal decimal;
    bool negative = *value.text == '-', fraction = false, more = false;
    size_t index = negative;
    decimal.count = decimal.point = 0;
    for (; index < value.length && (value.text[index] | 0x20) != 'e'; index++) {
        char digit = value.text[index];
        if (digit == '.') {
            fraction = true;
            continue;
        }
        if (decimal.count > 0 || digit != '0') {
            /* More digits than any double has only say that there is more. */
            if (decimal.count < 770) decimal.digits[decimal.count++] = digit;
            else more = more || digit != '0';
            if (!fraction) decimal.point++;
        } else if (fraction) {
            decimal.point--;
        }
    }
    if (index < value.length) {
        int exponent = 0;
        bool below = value.text[++index] == '-';
        if (below || value.text[index] == '+') index++;
        for (; index < value.length; index++) {
            if (exponent < 1000000000 / 10) exponent = exponent * 10 + (value.text[index] - '0');
        }
        decimal.point += below ? -exponent : exponent;
    }
    if (more) decimal.digits[decimal.count++] = '1';
    perdure_decimal_strip(&decimal);
    double magnitude = perdure_decimal_value(&decimal);
    if (!perdure_is_finite(magnitude)) return false;
    *result = negative ? -magnitude : magnitude;
    return true;
}

/* --- what a job says --------------------------------------------------------------------------------------------- */

/* The message of a format. Where there is no memory for it, it says so instead of being cut off. */
static perdure_writer perdure_message(const char *format, va_list *arguments) {
    static char excuse[] = "(there is no memory left for this message)";
    perdure_writer message = {NULL, 0, 0, NULL, false};
    perdure_put(&message, "", 0);
    perdure_put_format(&message, format, arguments);
    if (message.problem == NULL) return message;
    perdure_writer_free(&message);
    message.bytes = excuse;
    message.length = sizeof excuse - 1;
    return message;
}

static void perdure_message_free(perdure_writer *message) {
    if (message->problem == NULL) perdure_writer_free(message);
}

void perdure_log(perdure_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    perdure_writer message = perdure_message(format, &arguments);
    va_end(arguments);
    perdure_host_log((int32_t)level, message.bytes, (uint32_t)message.length);
    perdure_message_free(&message);
}

perdure_result perdure_fail(perdure_ctx *ctx, const char *format, ...) {
    (void)ctx;
    va_list arguments;
    va_start(arguments, format);
    perdure_writer message = perdure_message(format, &arguments);
    va_end(arguments);
    perdure_host_log(PERDURE_ERROR, message.bytes, (uint32_t)message.length);
    perdure_message_free(&message);
    return PERDURE_FAILED;
}

void perdure_report_progress(perdure_ctx *ctx, double fraction, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    perdure_writer message = perdure_message(format, &arguments);
    va_end(arguments);
    perdure_host_progress(ctx->id, (float)fraction, message.bytes, (uint32_t)message.length);
    perdure_message_free(&message);
}

void perdure_add_warning(perdure_ctx *ctx, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    perdure_writer message = perdure_message(format, &arguments);
    va_end(arguments);
    perdure_host_add_warning(ctx->id, message.bytes, (uint32_t)message.length);
    perdure_message_free(&message);
}

const char *perdure_format(perdure_ctx *ctx, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    perdure_writer message = perdure_message(format, &arguments);
    va_end(arguments);
    const char *text = message.problem == NULL ? perdure_keep(ctx, message.bytes) : NULL;
    perdure_message_free(&message);
    return text;
}

void perdure_increment_items(perdure_ctx *ctx, int64_t count) { perdure_host_increment_items(ctx->id, count); }
void perdure_increment_bytes(perdure_ctx *ctx, int64_t bytes) { perdure_host_increment_bytes(ctx->id, bytes); }

bool perdure_check_interrupt(perdure_ctx *ctx) {
    if (perdure_host_check_interrupt(ctx->id) == 0) return false;
    /* Also when it is cancelled: a person may change their mind. */
    if (!perdure_checkpoint(ctx)) perdure_log(PERDURE_WARN, "the state could not be saved before the interrupt");
    return true;
}

/* --- states ------------------------------------------------------------------------------------------------------ */

static bool perdure_load_text(perdure_ctx *ctx, const perdure_field *field, perdure_json value, char *into) {
    size_t length;
    if (field->kind == PERDURE_KIND_TEXT) {
        const char *text = perdure_json_text(ctx, value);
        perdure_copy(into, &text, sizeof text);
        return text != NULL;
    }
    if (!perdure_json_bytes(value, NULL, 0, &length) || length >= field->size) return false;
    perdure_json_bytes(value, into, field->size, &length);
    for (size_t index = length; index < field->size; index++) into[index] = 0;
    return perdure_length(into) == length;
}

/* A whole number of two's complement into a field of fewer bytes, the low ones. */
static void perdure_store(char *into, uint64_t value, size_t size) {
    uint8_t byte = (uint8_t)value;
    uint16_t two = (uint16_t)value;
    uint32_t four = (uint32_t)value;
    if (size == 1) perdure_copy(into, &byte, 1);
    else if (size == 2) perdure_copy(into, &two, 2);
    else if (size == 4) perdure_copy(into, &four, 4);
    else perdure_copy(into, &value, 8);
}

static uint64_t perdure_fetch(const char *from, size_t size, bool with_sign) {
    uint8_t byte = 0;
    uint16_t two = 0;
    uint32_t four = 0;
    uint64_t value = 0;
    if (size == 1) perdure_copy(&byte, from, 1), value = with_sign ? (uint64_t)(int8_t)byte : byte;
    else if (size == 2) perdure_copy(&two, from, 2), value = with_sign ? (uint64_t)(int16_t)two : two;
    else if (size == 4) perdure_copy(&four, from, 4), value = with_sign ? (uint64_t)(int32_t)four : four;
    else perdure_copy(&value, from, 8);
    return value;
}

static bool perdure_load_field(perdure_ctx *ctx, const perdure_field *field, perdure_json value, char *into) {
    unsigned spare = 64 - 8 * (unsigned)(field->size < 8 ? field->size : 8);
    int64_t integer;
    uint64_t natural;
    double number;
    float small;
    bool flag;
    switch (field->kind) {
    case PERDURE_KIND_SIGNED:
        if (!perdure_json_int64(value, &integer)) return false;
        perdure_store(into, (uint64_t)integer, field->size);
        return perdure_fetch(into, field->size, true) == (uint64_t)integer;
    case PERDURE_KIND_UNSIGNED:
        if (!perdure_json_uint64(value, &natural) || natural > UINT64_MAX >> spare) return false;
        perdure_store(into, natural, field->size);
        return true;
    case PERDURE_KIND_FLOAT:
        if (!perdure_json_double(value, &number)) return false;
        small = (float)number;
        if (field->size == sizeof small) perdure_copy(into, &small, sizeof small);
        else perdure_copy(into, &number, sizeof number);
        return field->size != sizeof small || perdure_is_finite((double)small);
    case PERDURE_KIND_BOOL:
        if (!perdure_json_bool(value, &flag)) return false;
        perdure_copy(into, &flag, sizeof flag);
        return true;
    case PERDURE_KIND_TEXT:
    case PERDURE_KIND_CHARS:
        return perdure_load_text(ctx, field, value, into);
    case PERDURE_KIND_JSON:
        perdure_copy(into, &value, sizeof value);
        return true;
    case PERDURE_KIND_NONE:
        break;
    }
    return false;
}

static const char *perdure_wanted(const perdure_field *field) {
    switch (field->kind) {
    case PERDURE_KIND_SIGNED:
        return field->size == 8 ? "a whole number of 64 bits" : "a whole number in the range of its type";
    case PERDURE_KIND_UNSIGNED:
        return "a whole number, not negative, in the range of its type";
    case PERDURE_KIND_FLOAT:
        return "a number";
    case PERDURE_KIND_BOOL:
        return "true or false";
    case PERDURE_KIND_CHARS:
        return "a text that fits, without zero characters";
    default:
        return "a text without zero characters";
    }
}

static bool perdure_load(perdure_ctx *ctx, perdure_json json) {
    const perdure_job *job = ctx->job;
    char *state = (char *)ctx->state;
    perdure_json value = {NULL, 0}, key = {NULL, 0};
    while (perdure_json_next(json, &value, &key)) {
        for (size_t index = 0; index < job->field_count; index++) {
            const perdure_field *field = &job->fields[index];
            if (perdure_json_equals(key, field->name) &&
                !perdure_load_field(ctx, field, value, state + field->offset)) {
                perdure_fail(ctx, "bad state: \"%s\" must be %s", field->name, perdure_wanted(field));
                return false;
            }
        }
    }
    return true;
}

static void perdure_save_field(perdure_writer *writer, const perdure_field *field, const char *from) {
    double number;
    float small;
    bool flag;
    const char *text;
    size_t length = 0;
    perdure_json json;
    perdure_write_key(writer, field->name);
    switch (field->kind) {
    case PERDURE_KIND_SIGNED:
        perdure_write_int64(writer, (int64_t)perdure_fetch(from, field->size, true));
        return;
    case PERDURE_KIND_UNSIGNED:
        perdure_write_uint64(writer, perdure_fetch(from, field->size, false));
        return;
    case PERDURE_KIND_FLOAT:
        if (field->size == sizeof small) perdure_copy(&small, from, sizeof small), number = (double)small;
        else perdure_copy(&number, from, sizeof number);
        perdure_write_double(writer, number);
        return;
    case PERDURE_KIND_BOOL:
        perdure_copy(&flag, from, sizeof flag);
        perdure_write_bool(writer, flag);
        return;
    case PERDURE_KIND_TEXT:
        perdure_copy(&text, from, sizeof text);
        perdure_write_text(writer, text == NULL ? "" : text);
        return;
    case PERDURE_KIND_CHARS:
        while (length < field->size && from[length] != 0) length++;
        perdure_write_bytes(writer, from, length);
        return;
    case PERDURE_KIND_JSON:
        perdure_copy(&json, from, sizeof json);
        perdure_write_json(writer, json);
        return;
    case PERDURE_KIND_NONE:
        return;
    }
}

bool perdure_checkpoint(perdure_ctx *ctx) {
    const perdure_job *job = ctx->job;
    perdure_writer writer = {NULL, 0, 0, NULL, false};
    if (job->save != NULL) {
        job->save(&writer, ctx->state);
    } else {
        perdure_write_object(&writer);
        for (size_t index = 0; index < job->field_count; index++) {
            perdure_save_field(&writer, &job->fields[index], (const char *)ctx->state + job->fields[index].offset);
        }
        perdure_write_object_end(&writer);
    }
    bool saved = writer.problem == NULL;
    if (saved) saved = perdure_host_checkpoint(ctx->id, writer.bytes, (uint32_t)writer.length) == 0;
    else perdure_log(PERDURE_ERROR, "the state cannot be saved: %s", writer.problem);
    perdure_writer_free(&writer);
    return saved;
}

/* --- operations -------------------------------------------------------------------------------------------------- */

/* The 16 bytes of a UUID such as 0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12. */
static bool perdure_parse_uuid(const char *text, uint8_t uuid[16]) {
    struct perdure_reader reader = {text, text + perdure_length(text), NULL};
    if (reader.end - reader.at != 36) return false;
    for (int byte = 0; byte < 16; byte += 2) {
        if ((byte == 4 || byte == 6 || byte == 8 || byte == 10) && *reader.at++ != '-') return false;
        int unit = perdure_read_unit(&reader);
        if (unit < 0) return false;
        uuid[byte] = (uint8_t)(unit >> 8);
        uuid[byte + 1] = (uint8_t)unit;
    }
    return true;
}

static const char *const perdure_codes[] = {"ok",
                                            "permission_denied",
                                            "library_denied",
                                            "rate_limited",
                                            "unknown_method",
                                            "invalid_payload",
                                            "not_found",
                                            "failed",
                                            "unavailable"};

static bool perdure_refuse(perdure_answer *answer, perdure_code code, const char *message) {
    answer->ok = false;
    answer->code = code;
    answer->code_name = perdure_codes[code];
    answer->message = message;
    return false;
}

void perdure_answer_free(perdure_answer *answer) { perdure_disown_all(answer->ctx, answer); }

static void perdure_begin_answer(perdure_ctx *ctx, perdure_answer *answer) {
    /* Whatever was in it before, even nothing that was ever written: what it owns is known by its address. */
    perdure_disown_all(ctx, answer);
    answer->retry_after_ms = -1;
    answer->json.text = NULL;
    answer->json.length = 0;
    answer->ctx = ctx;
    answer->ok = true;
    answer->code = PERDURE_OK;
    answer->code_name = perdure_codes[PERDURE_OK];
    answer->message = "";
}

bool perdure_call_json(perdure_ctx *ctx, perdure_answer *answer, const char *library_id, const char *method,
                       const char *payload, size_t length) {
    uint8_t library[16];
    perdure_begin_answer(ctx, answer);
    if (method == NULL || payload == NULL) { /* perdure_format returned it */
        return perdure_refuse(answer, PERDURE_OPERATION_FAILED, "there is no memory left for the call");
    }
    if (library_id != NULL && !perdure_parse_uuid(library_id, library)) {
        return perdure_refuse(answer, PERDURE_INVALID_PAYLOAD, "the library's id is no UUID");
    }
    const uint8_t *in_library = library_id == NULL ? NULL : library;
    char *text =
        perdure_host_call(method, (uint32_t)perdure_length(method), in_library, payload, (uint32_t)length);
    if (text == NULL) return perdure_refuse(answer, PERDURE_UNAVAILABLE, "the answer could not be delivered");
    text = (char *)perdure_own(ctx, answer, 0, text);
    if (text == NULL) return perdure_refuse(answer, PERDURE_OPERATION_FAILED, "there is no memory left for the answer");
    if (!perdure_json_parse(text, perdure_length(text), &answer->json, NULL, NULL)) {
        return perdure_refuse(answer, PERDURE_OPERATION_FAILED, "the answer is no JSON");
    }
    perdure_json code = perdure_json_get(answer->json, "code"), error = perdure_json_get(answer->json, "error");
    bool failed = perdure_json_kind_of(code) == PERDURE_JSON_TEXT && perdure_json_kind_of(error) == PERDURE_JSON_TEXT;
    if (!failed) return true;
    const char *message = perdure_own_text(ctx, answer, error), *name = perdure_own_text(ctx, answer, code);
    int known = PERDURE_UNAVAILABLE;
    while (known > 0 && !perdure_json_equals(code, perdure_codes[known])) known--;
    perdure_refuse(answer, known > 0 ? (perdure_code)known : PERDURE_OPERATION_FAILED, message == NULL ? "" : message);
    if (name != NULL) answer->code_name = name;
    perdure_json_int64(perdure_json_get(answer->json, "retry_after_ms"), &answer->retry_after_ms);
    return false;
}

bool perdure_call(perdure_ctx *ctx, perdure_answer *answer, const char *method, const char *payload, ...) {
    perdure_writer writer = {NULL, 0, 0, NULL, false};
    va_list arguments;
    va_start(arguments, payload);
    /* Before the old answer goes: its texts may be among the arguments. */
    perdure_put(&writer, "", 0);
    perdure_put_payload(&writer, payload, &arguments);
    va_end(arguments);
    bool ok = false;
    if (writer.problem == NULL) {
        ok = perdure_call_json(ctx, answer, NULL, method, writer.bytes, writer.length);
    } else {
        perdure_begin_answer(ctx, answer);
        perdure_refuse(answer, PERDURE_INVALID_PAYLOAD, writer.problem);
    }
    perdure_writer_free(&writer);
    return ok;
}

const char *perdure_format_json(perdure_ctx *ctx, const char *format, ...) {
    perdure_writer writer = {NULL, 0, 0, NULL, false};
    va_list arguments;
    va_start(arguments, format);
    perdure_put(&writer, "", 0);
    perdure_put_payload(&writer, format, &arguments);
    va_end(arguments);
    const char *text = writer.problem == NULL ? perdure_keep(ctx, writer.bytes) : NULL;
    perdure_writer_free(&writer);
    return text;
}

perdure_result perdure_fail_call(perdure_ctx *ctx, const perdure_answer *answer) {
    return perdure_fail(ctx, "%s: %s", answer->code_name, answer->message);
}

perdure_json perdure_get(const perdure_answer *answer, const char *path) {
    perdure_json value = answer->json;
    while (*path != 0) {
        perdure_json item = {NULL, 0}, key = {NULL, 0}, found = {NULL, 0};
        char name[128];
        size_t length = 0;
        while (path[length] != 0 && path[length] != '.') length++;
        if (length >= sizeof name) return found;
        perdure_copy(name, path, length);
        name[length] = 0;
        while (perdure_json_kind_of(value) == PERDURE_JSON_OBJECT && perdure_json_next(value, &item, &key)) {
            if (perdure_json_equals(key, name)) found = item;
        }
        value = found;
        path += length + (path[length] == '.');
    }
    return value;
}

const char *perdure_get_text(perdure_answer *answer, const char *path) {
    return perdure_own_text(answer->ctx, answer, perdure_get(answer, path));
}

int64_t perdure_get_int64(const perdure_answer *answer, const char *path, int64_t otherwise) {
    perdure_json_int64(perdure_get(answer, path), &otherwise);
    return otherwise;
}

double perdure_get_double(const perdure_answer *answer, const char *path, double otherwise) {
    perdure_json_double(perdure_get(answer, path), &otherwise);
    return otherwise;
}

bool perdure_get_bool(const perdure_answer *answer, const char *path, bool otherwise) {
    perdure_json_bool(perdure_get(answer, path), &otherwise);
    return otherwise;
}

/* --- jobs -------------------------------------------------------------------------------------------------------- */

static bool perdure_read_id(perdure_json context, const char *key, char id[37], uint8_t uuid[16]) {
    size_t length;
    if (!perdure_json_bytes(perdure_json_get(context, key), id, 36, &length) || length != 36) return false;
    id[36] = 0;
    return perdure_parse_uuid(id, uuid);
}

static bool perdure_prepare(perdure_ctx *ctx, const char *context, uint32_t context_length, const char *state,
                            uint32_t state_length) {
    const perdure_job *job = ctx->job;
    const char *problem = NULL;
    size_t at = 0;
    perdure_json json;
    uint8_t library[16];
    if (!perdure_json_parse(context, context_length, &json, NULL, NULL) ||
        !perdure_read_id(json, "job_id", ctx->job_id, ctx->id) ||
        !perdure_read_id(json, "library_id", ctx->library_id, library)) {
        perdure_fail(ctx, "the host's context names no job and library");
        return false;
    }
    ctx->state = perdure_alloc(ctx, job->state_size);
    if (ctx->state == NULL) {
        perdure_fail(ctx, "there is no memory left for the state");
        return false;
    }
    perdure_copy(ctx->state, job->defaults, job->state_size);
    for (size_t index = 0; index < job->field_count; index++) {
        const char **text = (const char **)(void *)((char *)ctx->state + job->fields[index].offset);
        if (job->fields[index].kind == PERDURE_KIND_TEXT && *text == NULL) *text = "";
    }
    if (state_length == 0) return true; /* it was dispatched without a state */
    if (!perdure_json_parse(state, state_length, &json, &problem, &at)) {
        perdure_fail(ctx, "bad state: %s was expected at byte %lu", problem, (unsigned long)at);
        return false;
    }
    if (perdure_json_kind_of(json) != PERDURE_JSON_OBJECT) {
        perdure_fail(ctx, "bad state: it must be an object");
        return false;
    }
    return job->load != NULL ? job->load(ctx, json, ctx->state) : perdure_load(ctx, json);
}

int32_t perdure_execute(const perdure_job *job, const char *context, uint32_t context_length, const char *state,
                        uint32_t state_length) {
    perdure_ctx ctx = {{0}, {0}, {0}, job, NULL, NULL};
    perdure_result result = PERDURE_FAILED;
    if (perdure_prepare(&ctx, context, context_length, state, state_length)) {
        result = job->run(&ctx, ctx.state);
        /* The last checkpoint is the job's result: without it, it has not completed. */
        if (result == PERDURE_COMPLETED && !perdure_checkpoint(&ctx)) {
            result = perdure_fail(&ctx, "the last checkpoint could not be stored");
        }
    }
    perdure_disown_all(&ctx, NULL);
    return (int32_t)result;
}

#ifdef __wasm__

extern const perdure_job *const __start_perdure_jobs[] __attribute__((weak, visibility("hidden")));
extern const perdure_job *const __stop_perdure_jobs[] __attribute__((weak, visibility("hidden")));
bool perdure_hook_init(void) __attribute__((weak, visibility("hidden")));
bool perdure_hook_cleanup(void) __attribute__((weak, visibility("hidden")));

PERDURE_EXPORT("plugin_init") int32_t plugin_init(void);
PERDURE_EXPORT("plugin_init") int32_t plugin_init(void) {
    for (const perdure_job *const *at = __start_perdure_jobs; at < __stop_perdure_jobs; at++) {
        const perdure_job *job = *at;
        if (perdure_host_register_job(job->name, (uint32_t)perdure_length(job->name), job->export_name,
                                      (uint32_t)perdure_length(job->export_name), job->resumable) != 0) {
            perdure_log(PERDURE_ERROR, "the host refused the job \"%s\"", job->name);
            return 1;
        }
    }
    return perdure_hook_init == NULL || perdure_hook_init() ? 0 : 1;
}

PERDURE_EXPORT("plugin_cleanup") int32_t plugin_cleanup(void);
PERDURE_EXPORT("plugin_cleanup") int32_t plugin_cleanup(void) {
    return perdure_hook_cleanup == NULL || perdure_hook_cleanup() ? 0 : 1;
}

#else

/* --- the host for tests ------------------------------------------------------------------------------------------ */

struct perdure_test_answers {
    struct perdure_test_answers *next;
    const char *method, *answer;
};

static perdure_writer perdure_test_notes;
static struct perdure_test_answers *perdure_test_arranged;
static int perdure_test_interrupt, perdure_test_questions, perdure_test_no_memory;
static int perdure_test_failures, perdure_test_checks;
static bool perdure_test_full;
static const char perdure_test_job_id[] = "01930000-0000-7000-8000-000000000001";
static const char perdure_test_library_id[] = "01930000-0000-7000-8000-000000000002";

/* A line of what the job did. Its memory is not the job's. */
static void perdure_test_note(const char *format, ...) {
    size_t live = perdure_test_live;
    int left = perdure_test_allocations_left;
    perdure_test_allocations_left = 0;
    va_list arguments;
    va_start(arguments, format);
    perdure_put_format(&perdure_test_notes, format, &arguments);
    va_end(arguments);
    perdure_put_byte(&perdure_test_notes, '\n');
    perdure_test_live = live;
    perdure_test_allocations_left = left;
}

static void perdure_test_same_job(const uint8_t *id) {
    static const uint8_t expected[16] = {1, 0x93, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1};
    perdure_test_check(perdure_compare(id, expected, 16) == 0, "the job's id is the running job's", __FILE__, __LINE__);
}

static void perdure_host_log(int32_t level, const char *text, uint32_t length) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    perdure_test_note("log %s %.*s", level < 0 || level > 3 ? "?" : levels[level], (int)length, text);
}

static void perdure_host_progress(const uint8_t *job_id, float progress, const char *message, uint32_t length) {
    perdure_test_same_job(job_id);
    perdure_test_note("progress %.6g %.*s", (double)progress, (int)length, message);
}

static int32_t perdure_host_checkpoint(const uint8_t *job_id, const char *state, uint32_t length) {
    perdure_test_same_job(job_id);
    perdure_test_note("%scheckpoint %.*s", perdure_test_full ? "lost " : "", (int)length, state);
    return perdure_test_full;
}

static int32_t perdure_host_check_interrupt(const uint8_t *job_id) {
    perdure_test_same_job(job_id);
    int answer = ++perdure_test_questions == perdure_test_interrupt;
    perdure_test_note("interrupt %d", answer);
    return answer;
}

static void perdure_host_add_warning(const uint8_t *job_id, const char *message, uint32_t length) {
    perdure_test_same_job(job_id);
    perdure_test_note("warning %.*s", (int)length, message);
}

static void perdure_host_increment_bytes(const uint8_t *job_id, int64_t bytes) {
    perdure_test_same_job(job_id);
    perdure_test_note("bytes %lld", (long long)bytes);
}

static void perdure_host_increment_items(const uint8_t *job_id, int64_t count) {
    perdure_test_same_job(job_id);
    perdure_test_note("items %lld", (long long)count);
}

static char *perdure_host_call(const char *method, uint32_t method_length, const uint8_t *library_id,
                               const char *payload,
                               uint32_t payload_length) {
    (void)library_id;
    const char *answer = "{\"error\":\"nothing was arranged for it\",\"code\":\"unknown_method\"}";
    perdure_test_note("call %.*s %.*s", (int)method_length, method, (int)payload_length, payload);
    for (struct perdure_test_answers *at = perdure_test_arranged; at != NULL; at = at->next) {
        if (perdure_length(at->method) == method_length && perdure_compare(at->method, method, method_length) == 0) {
            answer = at->answer;
            break;
        }
    }
    size_t size = perdure_length(answer) + 1;
    char *delivered = (char *)perdure_heap_alloc(size);
    if (delivered != NULL) perdure_copy(delivered, answer, size);
    return delivered;
}

perdure_result perdure_test_run_job(const perdure_job *job, const char *state) {
    char context[160];
    int length = snprintf(context, sizeof context, "{\"job_id\":\"%s\",\"library_id\":\"%s\"}", perdure_test_job_id,
                          perdure_test_library_id);
    perdure_test_notes.length = 0;
    perdure_test_questions = 0;
    perdure_test_allocations_left = perdure_test_no_memory;
    int32_t result = perdure_execute(job, context, (uint32_t)length, state == NULL ? "" : state,
                                     state == NULL ? 0 : (uint32_t)perdure_length(state));
    return (perdure_result)result;
}

const char *perdure_test_lines(void) { return perdure_test_notes.length == 0 ? "" : perdure_test_notes.bytes; }

/* The next line from *at on that begins so; its end. */
static const char *perdure_test_find(const char **at, const char *beginning, const char **end) {
    size_t length = perdure_length(beginning);
    while (**at != 0) {
        const char *line = *at, *stop = line;
        while (*stop != '\n') stop++;
        *at = stop + 1;
        *end = stop;
        if ((size_t)(stop - line) >= length && perdure_compare(line, beginning, length) == 0) return line;
    }
    return NULL;
}

bool perdure_test_saw(const char *line) {
    const char *at = perdure_test_lines(), *end, *found;
    while ((found = perdure_test_find(&at, line, &end)) != NULL) {
        if ((size_t)(end - found) == perdure_length(line)) return true;
    }
    return false;
}

int perdure_test_count(const char *beginning) {
    const char *at = perdure_test_lines(), *end;
    int count = 0;
    while (perdure_test_find(&at, beginning, &end) != NULL) count++;
    return count;
}

const char *perdure_test_last(const char *beginning) {
    static perdure_writer last;
    const char *at = perdure_test_lines(), *end, *found;
    size_t live = perdure_test_live, length = perdure_length(beginning);
    last.length = 0;
    perdure_put(&last, "", 0);
    while ((found = perdure_test_find(&at, beginning, &end)) != NULL) {
        last.length = 0;
        perdure_put(&last, found + length, (size_t)(end - found) - length);
    }
    perdure_test_live = live;
    return last.bytes;
}

void perdure_test_answer(const char *method, const char *answer) {
    struct perdure_test_answers *arranged = (struct perdure_test_answers *)malloc(sizeof *arranged);
    if (arranged == NULL) abort();
    arranged->method = method;
    arranged->answer = answer;
    arranged->next = perdure_test_arranged;
    perdure_test_arranged = arranged;
}

void perdure_test_interrupt_at(int question) { perdure_test_interrupt = question; }
void perdure_test_disk_full(bool full) { perdure_test_full = full; }
void perdure_test_no_memory_at(int allocation) { perdure_test_no_memory = allocation; }

void perdure_test_reset(void) {
    while (perdure_test_arranged != NULL) {
        struct perdure_test_answers *next = perdure_test_arranged->next;
        free(perdure_test_arranged);
        perdure_test_arranged = next;
    }
    perdure_test_interrupt = perdure_test_no_memory = 0;
    perdure_test_full = false;
    perdure_test_notes.length = 0;
}

size_t perdure_test_allocated(void) { return perdure_test_live; }

void perdure_test_check(bool condition, const char *text, const char *file, int line) {
    perdure_test_checks++;
    if (condition) return;
    perdure_test_failures++;
    fprintf(stderr, "%s:%d: not so: %s\n%s", file, line, text, perdure_test_lines());
}

int perdure_test_end(void) {
    PERDURE_TEST(perdure_test_allocated() == 0);
    perdure_test_reset();
    printf("%d checks, %d failed\n", perdure_test_checks, perdure_test_failures);
    return perdure_test_failures == 0 ? 0 : 1;
}

#endif

#ifdef __cplusplus
}
#endif

#endif /* PERDURE_IMPLEMENTATION */
