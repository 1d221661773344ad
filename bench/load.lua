-- What wrk sends: one operation, by callers in turn, and what it says at its end.
-- Arguments: operation (list, get, create), file of callers (tenant, token, popup id), mark.

local operation, callers, mark
local number, made = 0, 0
local built = {}

local function headers(caller)
  return { ["Authorization"] = "Bearer " .. caller.token, ["X-Tenant"] = caller.tenant }
end

function init(arguments)
  operation, mark = arguments[1], arguments[3]
  callers = {}
  for line in io.lines(arguments[2]) do
    local tenant, token, popup = line:match("^(%S+) (%S+) (%S+)$")
    callers[#callers + 1] = { tenant = tenant, token = token, popup = popup }
  end
  for position, caller in ipairs(callers) do
    local path = "/api/v1/popups"
    if operation == "list" then path = path .. "?cursor=&limit=20" end
    if operation == "get" then path = path .. "/" .. caller.popup end
    if operation ~= "create" then built[position] = wrk.format("GET", path, headers(caller)) end
  end
end

function request()
  number = number % #callers + 1
  if built[number] then return built[number] end
  made = made + 1
  local sent = headers(callers[number])
  sent["Content-Type"] = "application/json"
  local name = string.format("Harbour %s %d", mark, made)
  local slug = string.format("harbour-%s-%d", mark, made)
  return wrk.format("POST", "/api/v1/popups", sent,
    string.format('{"name": "%s", "slug": "%s"}', name, slug))
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
