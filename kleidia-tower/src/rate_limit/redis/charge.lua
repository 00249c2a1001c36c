-- Charges all keys or none, by the generic cell rate algorithm, and returns their backlogs before that.
--
-- All times are whole microseconds, in which Lua's numbers are exact: below 2^53.
--
-- KEYS: the keys.
-- ARGV: the cost; then of each key the emission interval and the burst tolerance.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost = tonumber(ARGV[1])
local before, after, allowed = {}, {}, cost > 0
for i, key in ipairs(KEYS) do
  local interval, tolerance = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local tat = tonumber(redis.call('GET', key) or now)
  -- It is above the tolerance if the limit was changed or the clock went back.
  before[i] = math.min(math.max(tat - now, 0), tolerance)
  after[i] = before[i] + interval * cost
  allowed = allowed and after[i] <= tolerance
end
if allowed then
  for i, key in ipairs(KEYS) do
    local tat = string.format('%.0f', now + after[i])
    redis.call('SET', key, tat, 'PX', string.format('%.0f', math.ceil(after[i] / 1000)))
  end
end
return before
