#!lua flags=allow-oom
-- A worker's last act: hands back what it holds, attempts unchanged, and
-- signs off.
--
-- KEYS  1 fence, 2 workers, 3 heartbeats, 4 heartbeat key, 5 processing list,
--       6 source queue
-- ARGV  id, token
-- Returns {"OK", items handed back} or {"FENCED", token or ""}

local fence, workers, beats, beat = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local processing, source = KEYS[5], KEYS[6]
local id, token = ARGV[1], ARGV[2]

local current = redis.call('HGET', fence, id)
if current ~= token then
    return {'FENCED', current or ''}
end

local n = redis.call('LLEN', processing)
for _ = 1, n do
    redis.call('LMOVE', processing, source, 'LEFT', 'RIGHT')
end

redis.call('HDEL', fence, id, id .. '#batch', id .. '#process')
redis.call('SREM', workers, id)
redis.call('HDEL', beats, id)
redis.call('DEL', beat)

return {'OK', n}
