-- Asks the questions of a file, one JSON body a line, over and over: wrk -s load.lua URL -- PATH FILE.
-- At the end prints, in one line, the p50 and p99 in microseconds, requests a second, and how many failed.

local requests, turn = {}, 0

function init(arguments)
    local path, file = arguments[1], arguments[2]
    local headers = {["Content-Type"] = "application/json"}
    for body in io.lines(file) do
        requests[#requests + 1] = wrk.format("POST", path, headers, body)
    end
end

function request()
    turn = turn % #requests + 1
    return requests[turn]
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    local rate = summary.requests / summary.duration * 1e6
    print(string.format("FIGURES %f %f %f %d", latency:percentile(50), latency:percentile(99), rate, failed))
end
