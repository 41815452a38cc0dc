//! Extensions for perdure in Zig. `perdure.h` does the work; this file gives it the language's own shape: a state is a
//! struct, a payload is a struct literal, an operation's failure is an error.
//!
//!     const perdure = @import("perdure");
//!
//!     const Counter = struct { current: i64 = 0, target: i64 = 0 };
//!
//!     fn counter(ctx: *perdure.Context, state: *Counter) !void {
//!         while (state.current < state.target) {
//!             try ctx.checkInterrupt();
//!             state.current += 1;
//!             try ctx.checkpoint();
//!         }
//!     }
//!
//!     comptime {
//!         perdure.extension(.{ .id = "hello", .name = "Hello", .version = "0.1.0" });
//!         perdure.job("counter", Counter, counter);
//!     }
//!
//! A state, a payload and what is read from an answer are made of bool, integers, floats, texts (`[]const u8`), enums,
//! optionals, structs, slices of these, and `perdure.Json` for anything. Fields of a state have defaults; fields that a
//! struct lacks are skipped.

const std = @import("std");
const builtin = @import("builtin");
const is_wasm = builtin.cpu.arch.isWasm();

/// What an operation may answer instead; `Context.failure` has the words for it.
pub const CallError = error{
    PermissionDenied,
    LibraryDenied,
    RateLimited,
    UnknownMethod,
    InvalidPayload,
    NotFound,
    OperationFailed,
    Unavailable,
};

/// How loud a line of the log is.
pub const Level = enum(c_int) { debug, info, warn, @"error" };

/// A line of the job's log; in an init function, of the host's.
pub fn log(level: Level, comptime format: []const u8, arguments: anytype) void {
    const message: Message = .of(format, arguments);
    defer message.free();
    c.perdure_log(@backingInt(level), "%.*s", message.length, message.text);
}

/// A running job.
pub const Context = opaque {
    /// Ask in every turn of a loop. `error.Interrupted`: the state has been saved, and the job is to stop; pass it on.
    pub fn checkInterrupt(ctx: *Context) error{Interrupted}!void {
        if (c.perdure_check_interrupt(ctx)) return error.Interrupted;
    }

    /// How much of the job is done, from 0.0 to 1.0, and a few words for the person who watches.
    pub fn reportProgress(ctx: *Context, done: f64, comptime format: []const u8, arguments: anytype) void {
        const message: Message = .of(format, arguments);
        defer message.free();
        c.perdure_report_progress(ctx, done, "%.*s", message.length, message.text);
    }

    /// Saves the state: a job that dies after this goes on from here. `error.NotSaved`: it could not be stored. Nothing
    /// is lost by that, and a job may go on.
    pub fn checkpoint(ctx: *Context) error{NotSaved}!void {
        if (!c.perdure_checkpoint(ctx)) return error.NotSaved;
    }

    /// Something a person should look at. The job goes on.
    pub fn addWarning(ctx: *Context, comptime format: []const u8, arguments: anytype) void {
        const message: Message = .of(format, arguments);
        defer message.free();
        c.perdure_add_warning(ctx, "%.*s", message.length, message.text);
    }

    pub fn incrementItems(ctx: *Context, count: i64) void {
        c.perdure_increment_items(ctx, count);
    }

    pub fn incrementBytes(ctx: *Context, bytes: i64) void {
        c.perdure_increment_bytes(ctx, bytes);
    }

    /// `return ctx.fail("no such file: {s}", .{name});` The message becomes a line of the log.
    pub fn fail(_: *Context, comptime format: []const u8, arguments: anytype) error{Failed} {
        log(.@"error", format, arguments);
        return error.Failed;
    }

    /// Runs an operation and waits for its answer. The payload is a struct: `.{ .entry_id = id, .name = "note" }`.
    pub fn call(ctx: *Context, method: [:0]const u8, payload: anytype) (CallError || error{OutOfMemory})!Answer {
        const text = try ctx.toJson(payload);
        defer c.perdure_free(ctx, @constCast(text.ptr));
        const memory = c.perdure_alloc(ctx, @sizeOf(c.Answer)) orelse return error.OutOfMemory;
        const raw: *c.Answer = @ptrCast(@alignCast(memory));
        if (c.perdure_call_json(ctx, raw, null, method, text.ptr, text.len)) return .{ .raw = raw };
        if (last_failure) |before| (Answer{ .raw = before }).deinit();
        last_failure = raw;
        return switch (raw.code) {
            1 => error.PermissionDenied,
            2 => error.LibraryDenied,
            3 => error.RateLimited,
            4 => error.UnknownMethod,
            5 => error.InvalidPayload,
            6 => error.NotFound,
            8 => error.Unavailable,
            else => error.OperationFailed,
        };
    }

    /// What the last failed call answered; valid until the next one fails.
    pub fn failure(_: *Context) Failure {
        const raw = last_failure orelse return .{ .code = "ok", .message = "", .retry_after_ms = null };
        return .{
            .code = std.mem.span(raw.code_name),
            .message = std.mem.span(raw.message),
            .retry_after_ms = if (raw.retry_after_ms < 0) null else raw.retry_after_ms,
        };
    }

    /// A value as JSON, in memory of the job's. `error.InvalidPayload`: a float is not finite, a text is no UTF-8.
    pub fn toJson(ctx: *Context, value: anytype) (error{InvalidPayload} || error{OutOfMemory})![:0]const u8 {
        var writer: c.Writer = .{};
        defer c.perdure_writer_free(&writer);
        encode(&writer, value);
        if (writer.problem != null) return error.InvalidPayload;
        const text = c.perdure_keep(ctx, writer.bytes.?) orelse return error.OutOfMemory;
        return text[0..writer.length :0];
    }

    /// Memory that is freed when the job ends, if not before.
    pub fn allocator(ctx: *Context) std.mem.Allocator {
        return .{ .ptr = ctx, .vtable = &job_memory };
    }
};

/// What the host says about a call that failed: its code as in `permission_denied`, words for people, and with
/// `rate_limited` after how long to try again.
pub const Failure = struct { code: []const u8, message: []const u8, retry_after_ms: ?i64 };

/// What an operation answered. It is freed with the job; in a job that makes many calls, `defer answer.deinit();`.
pub const Answer = struct {
    raw: *c.Answer,

    /// The parts of the answer that the struct has fields for. They live as long as the answer.
    pub fn read(answer: Answer, comptime T: type) error{ WrongType, OutOfMemory }!T {
        return decode(T, answer.raw.json, .{ .ctx = answer.raw.ctx, .owner = answer.raw });
    }

    /// The whole answer.
    pub fn json(answer: Answer) []const u8 {
        return answer.raw.json.slice();
    }

    pub fn deinit(answer: Answer) void {
        const ctx = answer.raw.ctx;
        c.perdure_answer_free(answer.raw);
        c.perdure_free(ctx, answer.raw);
    }
};

/// Any JSON, as it came: a field for what has no type of its own.
pub const Json = extern struct {
    text: ?[*]const u8 = null,
    length: usize = 0,

    pub fn slice(json: Json) []const u8 {
        return if (json.text) |text| text[0..json.length] else "null";
    }
};

// --- what an extension declares --------------------------------------------------------------------------------------

/// In a `comptime` block: the manifest. `id`, `name` and `version` have to be there; the rest is as in `manifest.json`:
/// `.permissions = .{ .methods = .{"query:vdfs.read_sidecar"} }`. `perdure build` takes it from the module.
pub fn extension(comptime manifest: anytype) void {
    inline for (.{ "id", "name", "version" }) |name| {
        if (!@hasField(@TypeOf(manifest), name)) @compileError("perdure.extension needs ." ++ name);
    }
    inline for (comptime std.meta.fieldNames(@TypeOf(manifest))) |name| {
        for (manifest_fields) |known| {
            if (std.mem.eql(u8, name, known)) break;
        } else @compileError("a manifest has no ." ++ name);
    }
    if (is_wasm) _ = Section(".section .custom_section.perdure.manifest,\"\",@\n.ascii " ++
        quoted(comptimeJson(manifest)) ++ "\n.text\n");
}

/// Assembly of a whole file stands in a container.
fn Section(comptime text: []const u8) type {
    return struct {
        comptime {
            asm (text);
        }
    };
}

const manifest_fields = [_][]const u8{
    "id", "name", "version", "description", "author", "homepage", "permissions", "config_schema", "jobs",
};

/// The state of a job that needs none.
pub const NoState = struct {};

/// In a `comptime` block: `function(ctx: *Context, state: *State) !void` is a job.
pub fn job(comptime name: [:0]const u8, comptime State: type, comptime function: anytype) void {
    offer(Job(name, State, function, true), name);
}

/// A job that begins anew after a pause or a crash, from the state that it was dispatched with.
pub fn restartedJob(comptime name: [:0]const u8, comptime State: type, comptime function: anytype) void {
    offer(Job(name, State, function, false), name);
}

/// In a `comptime` block: `function() !void` is called in each new instance, before anything else.
pub fn init(comptime function: anytype) void {
    @export(&Hook(function).run, .{ .name = "perdure_hook_init", .visibility = .hidden });
}

/// In a `comptime` block: `function() !void` is called when the extension is unloaded.
pub fn cleanup(comptime function: anytype) void {
    @export(&Hook(function).run, .{ .name = "perdure_hook_cleanup", .visibility = .hidden });
}

fn Hook(comptime function: anytype) type {
    return struct {
        fn run() callconv(.c) bool {
            const result: anyerror!void = function();
            result catch |problem| {
                log(.@"error", "{s}", .{@errorName(problem)});
                return false;
            };
            return true;
        }
    };
}

fn offer(comptime Declared: type, comptime name: [:0]const u8) void {
    if (!is_wasm) return;
    @export(&Declared.execute, .{ .name = "execute_" ++ name });
    // The C side finds the jobs by this section.
    @export(&Declared.pointer, .{ .name = "perdure_offer_" ++ name, .section = "perdure_jobs", .visibility = .hidden });
}

fn Job(comptime name: [:0]const u8, comptime State: type, comptime function: anytype, comptime resumable: bool) type {
    for (std.meta.fieldNames(State)) |field| checkType(@FieldType(State, field), @typeName(State) ++ "." ++ field);
    return struct {
        const defaults: State = .{};
        const pointer: *const c.Job = &declaration;
        const declaration: c.Job = .{
            .name = name,
            .export_name = "execute_" ++ name,
            .resumable = resumable,
            .state_size = @max(@sizeOf(State), 1),
            .defaults = @ptrCast(&storage),
            .load = load,
            .save = save,
            .run = run,
        };
        // A struct without fields has no bytes, and a null default is no pointer.
        const storage: struct { State, u8 } = .{ defaults, 0 };

        fn execute(context: [*]const u8, context_length: u32, state: [*]const u8, state_length: u32) callconv(.c) i32 {
            return c.perdure_execute(&declaration, context, context_length, state, state_length);
        }

        fn load(ctx: *Context, json: Json, into: *anyopaque) callconv(.c) bool {
            const state: *State = @ptrCast(@alignCast(into));
            state.* = defaults;
            inline for (comptime std.meta.fieldNames(State)) |field| {
                const T = @FieldType(State, field);
                const value = c.perdure_json_get(json, field);
                if (value.text != null) {
                    @field(state, field) = decode(T, value, .{ .ctx = ctx, .owner = ctx }) catch |problem| {
                        switch (problem) {
                            error.OutOfMemory => log(.@"error", "there is no memory left for the state", .{}),
                            error.WrongType => log(.@"error", "bad state: \"{s}\" must be {s}", .{
                                field,
                                comptime wanted(T),
                            }),
                        }
                        return false;
                    };
                }
            }
            return true;
        }

        fn save(writer: *c.Writer, state: *const anyopaque) callconv(.c) void {
            encode(writer, @as(*const State, @ptrCast(@alignCast(state))).*);
        }

        fn run(ctx: *Context, state: *anyopaque) callconv(.c) c_int {
            last_failure = null;
            defer last_failure = null;
            const result: anyerror!void = function(ctx, @as(*State, @ptrCast(@alignCast(state))));
            result catch |problem| {
                if (problem == error.Interrupted) return 1;
                if (problem == error.Failed) return 2;
                const told = ctx.failure();
                if (isCallError(problem) and told.message.len > 0) {
                    log(.@"error", "{s}: {s}", .{ told.code, told.message });
                } else {
                    log(.@"error", "{s}", .{@errorName(problem)});
                }
                return 2;
            };
            return 0;
        }
    };
}

fn isCallError(problem: anyerror) bool {
    inline for (comptime std.meta.fieldNames(CallError)) |name| {
        if (problem == @field(anyerror, name)) return true;
    }
    return false;
}

// --- tests -----------------------------------------------------------------------------------------------------------

/// Jobs on this machine, with the host for tests of `perdure.h`, which notes each call as a line: see "Tests" there.
///
///     test "it counts" {
///         try std.testing.expectEqual(.completed, perdure.testing.run(Counter, counter, "{\"target\": 3}"));
///         try std.testing.expect(perdure.testing.saw("checkpoint {\"current\":3,\"target\":3}"));
///     }
pub const testing = struct {
    pub const Result = enum(c_int) { completed, interrupted, failed };

    /// Runs a job from a state (null: none). What was noted before is forgotten, what was arranged stays.
    pub fn run(comptime State: type, comptime function: anytype, state: ?[*:0]const u8) Result {
        const result = c.perdure_test_run_job(&Job("tested", State, function, true).declaration, state);
        return @fromBackingInt(@intCast(result));
    }

    /// Whether there was exactly this line.
    pub fn saw(line: [*:0]const u8) bool {
        return c.perdure_test_saw(line);
    }

    /// How many lines begin like this.
    pub fn count(beginning: [*:0]const u8) c_int {
        return c.perdure_test_count(beginning);
    }

    /// The end of the last line that begins like this; "" if there is none. Valid until the next run.
    pub fn last(beginning: [*:0]const u8) [*:0]const u8 {
        return c.perdure_test_last(beginning);
    }

    /// All lines.
    pub fn lines() []const u8 {
        return std.mem.span(c.perdure_test_lines());
    }

    /// What an operation answers from now on, as JSON.
    pub fn answer(method: [*:0]const u8, json: [*:0]const u8) void {
        c.perdure_test_answer(method, json);
    }

    /// Which question for an interrupt is answered with "pause": 1 is the first one of a job, 0 none.
    pub fn interruptAt(question: c_int) void {
        c.perdure_test_interrupt_at(question);
    }

    /// Whether checkpoints can be stored.
    pub fn diskFull(full: bool) void {
        c.perdure_test_disk_full(full);
    }

    /// Forgets all that was arranged.
    pub fn reset() void {
        c.perdure_test_reset();
    }

    /// Bytes that are allocated now: 0 between jobs.
    pub fn allocated() usize {
        return c.perdure_test_allocated();
    }
};

// --- values and JSON -------------------------------------------------------------------------------------------------

/// Whose memory it is that a value is read into: the job's, or an answer's.
const Memory = struct {
    ctx: *Context,
    owner: *const anyopaque,

    fn take(memory: Memory, comptime T: type, count: usize) error{OutOfMemory}![]T {
        const size = std.math.mul(usize, @sizeOf(T), count) catch return error.OutOfMemory;
        const start = c.perdure_alloc_for(memory.ctx, memory.owner, size) orelse return error.OutOfMemory;
        return @as([*]T, @ptrCast(@alignCast(start)))[0..count];
    }
};

fn isText(comptime T: type) bool {
    return T == []const u8 or T == [:0]const u8;
}

fn checkType(comptime T: type, comptime place: []const u8) void {
    if (T == Json or isText(T)) return;
    switch (@typeInfo(T)) {
        .bool, .float, .@"enum" => return,
        .int => |int| if (int.bits <= 64) return,
        .optional => |optional| return checkType(optional.child, place),
        .pointer => |pointer| if (pointer.size == .slice and pointer.child != u8) {
            return checkType(pointer.child, place);
        },
        .@"struct" => {
            for (std.meta.fieldNames(T)) |name| checkType(@FieldType(T, name), place ++ "." ++ name);
            return;
        },
        else => {},
    }
    @compileError(place ++ ": perdure cannot read a " ++ @typeName(T) ++ " from JSON; a text is []const u8");
}

fn wanted(comptime T: type) []const u8 {
    if (isText(T)) return "a text";
    return switch (@typeInfo(T)) {
        .bool => "true or false",
        .int => "a whole number that fits " ++ @typeName(T),
        .float => "a number",
        .@"enum" => "one of the names of " ++ @typeName(T),
        .optional => |optional| wanted(optional.child) ++ ", or null",
        .pointer => |pointer| "a list, each " ++ wanted(pointer.child),
        else => "as " ++ @typeName(T) ++ " is",
    };
}

fn decode(comptime T: type, json: Json, memory: Memory) error{ WrongType, OutOfMemory }!T {
    if (T == Json) return json;
    if (comptime isText(T)) {
        var length: usize = 0;
        if (!c.perdure_json_bytes(json, null, 0, &length)) return error.WrongType;
        const text = try memory.take(u8, length + 1);
        _ = c.perdure_json_bytes(json, text.ptr, length, &length);
        text[length] = 0;
        return text[0..length :0];
    }
    switch (@typeInfo(T)) {
        .bool => {
            var value = false;
            return if (c.perdure_json_bool(json, &value)) value else error.WrongType;
        },
        .int => |int| {
            if (int.signedness == .signed) {
                var value: i64 = 0;
                if (!c.perdure_json_int64(json, &value)) return error.WrongType;
                return std.math.cast(T, value) orelse error.WrongType;
            }
            var value: u64 = 0;
            if (!c.perdure_json_uint64(json, &value)) return error.WrongType;
            return std.math.cast(T, value) orelse error.WrongType;
        },
        .float => {
            var value: f64 = 0;
            if (!c.perdure_json_double(json, &value)) return error.WrongType;
            const result: T = @floatCast(value);
            return if (std.math.isFinite(result)) result else error.WrongType;
        },
        .@"enum" => {
            const name = try decode([]const u8, json, memory);
            return std.meta.stringToEnum(T, name) orelse error.WrongType;
        },
        .optional => |optional| {
            if (c.perdure_json_kind_of(json) == c.json_null) return null;
            return try decode(optional.child, json, memory);
        },
        .pointer => |pointer| {
            if (c.perdure_json_kind_of(json) != c.json_array) return error.WrongType;
            var item: Json = .{};
            var length: usize = 0;
            while (c.perdure_json_next(json, &item, null)) length += 1;
            const items = try memory.take(pointer.child, length);
            item = .{};
            for (items) |*place| {
                _ = c.perdure_json_next(json, &item, null);
                place.* = try decode(pointer.child, item, memory);
            }
            return items;
        },
        .@"struct" => {
            if (c.perdure_json_kind_of(json) != c.json_object) return error.WrongType;
            var result: T = undefined;
            inline for (comptime std.meta.fieldNames(T)) |name| {
                const value = c.perdure_json_get(json, name);
                if (value.text != null) {
                    @field(result, name) = try decode(@FieldType(T, name), value, memory);
                } else if (comptime defaultOf(T, name)) |default| {
                    @field(result, name) = default;
                } else return error.WrongType;
            }
            return result;
        },
        else => comptime unreachable,
    }
}

/// The default of a field; null if it has none.
fn defaultOf(comptime T: type, comptime name: []const u8) ?@FieldType(T, name) {
    const info = @typeInfo(T).@"struct";
    for (info.field_names, info.field_attrs) |field, attributes| {
        if (std.mem.eql(u8, field, name)) return attributes.defaultValue(@FieldType(T, name));
    }
    comptime unreachable;
}

fn encode(writer: *c.Writer, value: anytype) void {
    const T = @TypeOf(value);
    if (T == Json) return c.perdure_write_json(writer, value);
    switch (@typeInfo(T)) {
        .bool => c.perdure_write_bool(writer, value),
        .null => c.perdure_write_null(writer),
        .comptime_int => if (value < 0) c.perdure_write_int64(writer, value) else c.perdure_write_uint64(writer, value),
        .int => |int| if (int.signedness == .signed)
            c.perdure_write_int64(writer, value)
        else
            c.perdure_write_uint64(writer, value),
        .float, .comptime_float => c.perdure_write_double(writer, value),
        .@"enum", .enum_literal => encode(writer, @as([]const u8, @tagName(value))),
        .optional => if (value) |there| encode(writer, there) else c.perdure_write_null(writer),
        .pointer => |pointer| switch (pointer.size) {
            .one => switch (@typeInfo(pointer.child)) {
                .array => |array| encode(writer, @as([]const array.child, value)),
                else => encode(writer, value.*),
            },
            .slice => if (pointer.child == u8)
                c.perdure_write_bytes(writer, value.ptr, value.len)
            else {
                c.perdure_write_array(writer);
                for (value) |item| encode(writer, item);
                c.perdure_write_array_end(writer);
            },
            .many, .c => encode(writer, std.mem.span(value)),
        },
        .array => encode(writer, @as([]const std.meta.Child(T), &value)),
        .@"struct" => |info| {
            const list = info.is_tuple and comptime std.meta.fieldNames(T).len > 0; // `.{}` is an object
            if (list) c.perdure_write_array(writer) else c.perdure_write_object(writer);
            inline for (comptime std.meta.fieldNames(T)) |name| {
                if (!info.is_tuple) c.perdure_write_key(writer, name);
                encode(writer, @field(value, name));
            }
            if (list) c.perdure_write_array_end(writer) else c.perdure_write_object_end(writer);
        },
        else => @compileError("perdure cannot write a " ++ @typeName(T) ++ " as JSON"),
    }
}

/// The same at compile time, for the manifest.
fn comptimeJson(comptime value: anytype) []const u8 {
    const T = @TypeOf(value);
    switch (@typeInfo(T)) {
        .bool => return if (value) "true" else "false",
        .null => return "null",
        .int, .comptime_int, .float, .comptime_float => return std.fmt.comptimePrint("{d}", .{value}),
        .enum_literal, .@"enum" => return quoted(@tagName(value)),
        .optional => return if (value) |there| comptimeJson(there) else "null",
        .pointer => |pointer| {
            const array = pointer.size == .one and @typeInfo(pointer.child) == .array;
            const Item = if (array) std.meta.Child(pointer.child) else pointer.child;
            if (pointer.size == .one and !array) return comptimeJson(value.*);
            if (Item == u8) return quoted(value);
            var list: []const u8 = "[";
            for (value, 0..) |item, index| list = list ++ (if (index > 0) "," else "") ++ comptimeJson(item);
            return list ++ "]";
        },
        .@"struct" => |info| {
            // `.{}` is an object: nothing in a manifest is a list that has to be there.
            const list = info.is_tuple and std.meta.fieldNames(T).len > 0;
            var text: []const u8 = if (list) "[" else "{";
            for (std.meta.fieldNames(T), 0..) |name, index| {
                text = text ++ (if (index > 0) "," else "") ++ (if (list) "" else quoted(name) ++ ":") ++
                    comptimeJson(@field(value, name));
            }
            return text ++ (if (list) "]" else "}");
        },
        else => @compileError("a manifest has no " ++ @typeName(T)),
    }
}

/// In quotes: as JSON has them, and the assembler.
fn quoted(comptime text: []const u8) []const u8 {
    @setEvalBranchQuota(100_000);
    var result: []const u8 = "\"";
    for (text) |byte| {
        if (byte < 0x20) @compileError("a manifest has no control characters: " ++ text);
        result = result ++ (if (byte == '"' or byte == '\\') "\\" else "") ++ [_]u8{byte};
    }
    return result ++ "\"";
}

// --- memory ----------------------------------------------------------------------------------------------------------

const Message = struct {
    text: [*]const u8,
    length: c_int,
    owned: ?[]u8,

    fn of(comptime format: []const u8, arguments: anytype) Message {
        const text = std.fmt.allocPrint(heap, format, arguments) catch {
            const excuse = "(there is no memory left for this message)";
            return .{ .text = excuse, .length = excuse.len, .owned = null };
        };
        return .{ .text = text.ptr, .length = @intCast(text.len), .owned = text };
    }

    fn free(message: Message) void {
        if (message.owned) |text| heap.free(text);
    }
};

const heap: std.mem.Allocator = if (is_wasm)
    .{ .ptr = undefined, .vtable = &.{
        .alloc = allocFromHeap,
        .resize = std.mem.Allocator.noResize,
        .remap = std.mem.Allocator.noRemap,
        .free = freeToHeap,
    } }
else
    std.heap.c_allocator;

fn allocFromHeap(_: *anyopaque, length: usize, alignment: std.mem.Alignment, _: usize) ?[*]u8 {
    return if (alignment.toByteUnits() > 16) null else c.wasm_alloc(@intCast(length));
}

fn freeToHeap(_: *anyopaque, memory: []u8, _: std.mem.Alignment, _: usize) void {
    c.wasm_free(memory.ptr, @intCast(memory.len));
}

const job_memory: std.mem.Allocator.VTable = .{
    .alloc = allocFromJob,
    .resize = std.mem.Allocator.noResize,
    .remap = std.mem.Allocator.noRemap,
    .free = freeToJob,
};

fn allocFromJob(ctx: *anyopaque, length: usize, alignment: std.mem.Alignment, _: usize) ?[*]u8 {
    return if (alignment.toByteUnits() > 16) null else @ptrCast(c.perdure_alloc(@ptrCast(ctx), length));
}

fn freeToJob(ctx: *anyopaque, memory: []u8, _: std.mem.Alignment, _: usize) void {
    c.perdure_free(@ptrCast(ctx), memory.ptr);
}

/// Of the one job that an instance runs.
var last_failure: ?*c.Answer = null;

// --- perdure.h -------------------------------------------------------------------------------------------------------

/// What is used of `perdure.h`; not for extensions.
pub const c = struct {
    pub const json_null = 1;
    pub const json_array = 5;
    pub const json_object = 6;

    pub const Writer = extern struct {
        bytes: ?[*:0]u8 = null,
        length: usize = 0,
        capacity: usize = 0,
        problem: ?[*:0]const u8 = null,
        comma: bool = false,
    };
    pub const Answer = extern struct {
        ok: bool,
        code: c_int,
        code_name: [*:0]const u8,
        message: [*:0]const u8,
        retry_after_ms: i64,
        json: Json,
        ctx: *Context,
    };
    pub const Job = extern struct {
        name: [*:0]const u8,
        export_name: [*:0]const u8,
        resumable: bool,
        state_size: usize,
        defaults: *const anyopaque,
        fields: ?*const anyopaque = null,
        field_count: usize = 0,
        load: *const fn (*Context, Json, *anyopaque) callconv(.c) bool,
        save: *const fn (*Writer, *const anyopaque) callconv(.c) void,
        run: *const fn (*Context, *anyopaque) callconv(.c) c_int,
    };

    pub extern fn wasm_alloc(size: u32) ?[*]u8;
    pub extern fn wasm_free(memory: [*]u8, size: u32) void;
    pub extern fn perdure_execute(*const c.Job, [*]const u8, u32, [*]const u8, u32) i32;
    pub extern fn perdure_check_interrupt(*Context) bool;
    pub extern fn perdure_checkpoint(*Context) bool;
    pub extern fn perdure_log(c_int, [*:0]const u8, ...) void;
    pub extern fn perdure_report_progress(*Context, f64, [*:0]const u8, ...) void;
    pub extern fn perdure_add_warning(*Context, [*:0]const u8, ...) void;
    pub extern fn perdure_increment_items(*Context, i64) void;
    pub extern fn perdure_increment_bytes(*Context, i64) void;
    pub extern fn perdure_alloc(*Context, usize) ?*anyopaque;
    pub extern fn perdure_alloc_for(*Context, *const anyopaque, usize) ?*anyopaque;
    pub extern fn perdure_free(*Context, ?*anyopaque) void;
    pub extern fn perdure_keep(*Context, [*:0]const u8) ?[*:0]const u8;
    pub extern fn perdure_call_json(*Context, *c.Answer, ?[*:0]const u8, [*:0]const u8, [*]const u8, usize) bool;
    pub extern fn perdure_answer_free(*c.Answer) void;
    pub extern fn perdure_json_kind_of(Json) c_int;
    pub extern fn perdure_json_get(Json, [*:0]const u8) Json;
    pub extern fn perdure_json_next(Json, *Json, ?*Json) bool;
    pub extern fn perdure_json_int64(Json, *i64) bool;
    pub extern fn perdure_json_uint64(Json, *u64) bool;
    pub extern fn perdure_json_double(Json, *f64) bool;
    pub extern fn perdure_json_bool(Json, *bool) bool;
    pub extern fn perdure_json_bytes(Json, ?[*]u8, usize, *usize) bool;
    pub extern fn perdure_write_object(*Writer) void;
    pub extern fn perdure_write_object_end(*Writer) void;
    pub extern fn perdure_write_array(*Writer) void;
    pub extern fn perdure_write_array_end(*Writer) void;
    pub extern fn perdure_write_key(*Writer, [*:0]const u8) void;
    pub extern fn perdure_write_null(*Writer) void;
    pub extern fn perdure_write_bool(*Writer, bool) void;
    pub extern fn perdure_write_int64(*Writer, i64) void;
    pub extern fn perdure_write_uint64(*Writer, u64) void;
    pub extern fn perdure_write_double(*Writer, f64) void;
    pub extern fn perdure_write_bytes(*Writer, [*]const u8, usize) void;
    pub extern fn perdure_write_json(*Writer, Json) void;
    pub extern fn perdure_writer_free(*Writer) void;
    pub extern fn perdure_test_run_job(*const c.Job, ?[*:0]const u8) c_int;
    pub extern fn perdure_test_saw([*:0]const u8) bool;
    pub extern fn perdure_test_count([*:0]const u8) c_int;
    pub extern fn perdure_test_last([*:0]const u8) [*:0]const u8;
    pub extern fn perdure_test_lines() [*:0]const u8;
    pub extern fn perdure_test_answer([*:0]const u8, [*:0]const u8) void;
    pub extern fn perdure_test_interrupt_at(c_int) void;
    pub extern fn perdure_test_disk_full(bool) void;
    pub extern fn perdure_test_reset() void;
    pub extern fn perdure_test_allocated() usize;
};
