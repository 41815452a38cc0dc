//! The counter with perdure.zig.

const perdure = @import("perdure");

comptime {
    perdure.extension(.{ .id = "measured", .name = "Measured", .version = "0.1.0" });
    perdure.job("counter", Counter, counter);
}

// the job
const Counter = struct { current: i64 = 0, target: i64 = 0 };

fn counter(ctx: *perdure.Context, state: *Counter) !void {
    while (state.current < state.target) {
        try ctx.checkInterrupt();
        state.current += 1;
        const fraction = @as(f64, @floatFromInt(state.current)) / @as(f64, @floatFromInt(state.target));
        ctx.reportProgress(fraction, "Counted {d}/{d}", .{ state.current, state.target });
        ctx.incrementItems(1);
        ctx.incrementBytes(8);
        try ctx.checkpoint();
    }
}
// the end of the job
