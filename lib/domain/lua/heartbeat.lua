#!lua flags=allow-oom
-- Shows that a worker lives.
--
-- KEYS  1 fence, 2 heartbeats, 3 heartbeat key, 4 workers
-- ARGV  id, token, counter, seconds the heartbeat key lives
-- Returns the heartbeats and the members of the worker set that have none, as
--       {id, beat, token, ...} with "" for a missing beat or token
--
-- Only the owner of the fence beats; others just look.

local fence, beats, beat, workers = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, token, counter, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if redis.call('HGET', fence, id) == token then
    redis.call('HSET', beats, id, token .. ':' .. counter)
    redis.call('SET', beat, token, 'EX', ttl)
end

local reply = {}

for _, worker in ipairs(redis.call('SMEMBERS', workers)) do
    local n = #reply
    reply[n + 1] = worker
    reply[n + 2] = redis.call('HGET', beats, worker) or ''
    reply[n + 3] = redis.call('HGET', fence, worker) or ''
end

return reply
