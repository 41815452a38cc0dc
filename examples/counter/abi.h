/* The contract between an extension and its host, ABI 1, as C sees it.
 *
 * Only what this example uses. A function that is declared and never called is not imported, so it costs nothing to
 * declare more. Every import comes from the module "spacedrive": the host refuses a module that wants anything else.
 *
 * Two rules hold everywhere:
 *   - A text is a pointer and a length in bytes. It is UTF-8 and needs no zero byte at its end.
 *   - A job id is a pointer to the 16 bytes of its UUID. It must be the id of the job that is running; anything else
 *     ends the job with an "abi_violation", as does a pointer or a length that reaches outside of the memory.
 */
#pragma once

#include <stdint.h>

#define IMPORT(name) __attribute__((import_module("spacedrive"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name), visibility("default")))

enum log_level { LOG_DEBUG = 0, LOG_INFO = 1, LOG_WARN = 2, LOG_ERROR = 3 };

/* What a job's export returns. */
enum job_result { JOB_COMPLETED = 0, JOB_INTERRUPTED = 1, JOB_FAILED = 2 };

/* What job_check_interrupt answers. After anything but GO_ON a job saves its state and returns JOB_INTERRUPTED soon. */
enum interrupt { GO_ON = 0, PAUSE = 1, CANCEL = 2 };

/* A line of the job's log. Outside of a job (in plugin_init), a line of the host's log. */
IMPORT("spacedrive_log")
void spacedrive_log(int32_t level, const char *text, int32_t length);

/* In plugin_init only: "a job named NAME is run by the function that I export as EXPORT". A resumable job can go on
 * from its last checkpoint. 0 accepted, 1 refused. */
IMPORT("register_job")
int32_t register_job(const char *name, int32_t name_length, const char *export_name, int32_t export_length,
                     int32_t resumable);

/* How far the job is, from 0.0 to 1.0, and a few words for the person who watches. */
IMPORT("job_report_progress")
void job_report_progress(const uint8_t *job_id, float progress, const char *message, int32_t length);

/* Keep these bytes. 0: they are on disk, and a job that dies after this starts again with them as its state.
 * 1: they could not be stored. */
IMPORT("job_checkpoint")
int32_t job_checkpoint(const uint8_t *job_id, const char *state, int32_t length);

/* One of `enum interrupt`. Ask often: several times a second. A job that never asks is stopped by force. */
IMPORT("job_check_interrupt")
int32_t job_check_interrupt(const uint8_t *job_id);

/* Something a person should look at. The job goes on. */
IMPORT("job_add_warning")
void job_add_warning(const uint8_t *job_id, const char *message, int32_t length);

/* So many more items, so many more bytes. They are counted up to the last checkpoint when a job starts again. */
IMPORT("job_increment_items")
void job_increment_items(const uint8_t *job_id, int64_t count);

IMPORT("job_increment_bytes")
void job_increment_bytes(const uint8_t *job_id, int64_t bytes);
