#!lua flags=allow-oom
-- Makes a connection the owner of a worker's name, and gives its first sign
-- of life.
--
-- KEYS  1 fence, 2 workers, 3 epoch, 4 heartbeats, 5 heartbeat key
-- ARGV  id ("kind:pod"), token held so far ("" on the first registration),
--       the process's own random name, seconds the heartbeat key lives
-- Returns the new token, or {"DENIED", token} when another process has taken
--       the name since
--
-- Moves nothing: what is in the processing list stays the worker's.  A token
-- that this process does not know may still be its own, of a registration
-- whose answer was lost; one that is lower than what it holds is older, from
-- a Redis that has lost its last writes.

local fence, workers, epoch, beats, beat = KEYS[1], KEYS[2], KEYS[3], KEYS[4],
    KEYS[5]
local id, held, process, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local current = redis.call('HGET', fence, id)

if held ~= '' and current and tonumber(current) > tonumber(held)
    and redis.call('HGET', fence, id .. '#process') ~= process then
    return {'DENIED', current}
end

local token = redis.call('INCR', epoch)

if held ~= '' and token <= tonumber(held) then
    token = tonumber(held) + 1
    redis.call('SET', epoch, token)
end

redis.call('HSET', fence, id, token, id .. '#process', process)
redis.call('SADD', workers, id)
redis.call('HSET', beats, id, token .. ':0')
redis.call('SET', beat, token, 'EX', ttl)

return token
