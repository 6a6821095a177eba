#!lua flags=allow-oom
-- Makes a connection the owner of a worker's name.
--
-- KEYS  1 fence, 2 workers, 3 epoch
-- ARGV  id ("kind:pod"), token held so far ("" on the first registration)
-- Returns the new token, or {"DENIED", token} when another process has the
--       name
--
-- Moves nothing: what is in the processing list stays the worker's.

local fence, workers, epoch = KEYS[1], KEYS[2], KEYS[3]
local id, held = ARGV[1], ARGV[2]

local current = redis.call('HGET', fence, id)

if held ~= '' and current and current ~= held then
    return {'DENIED', current}
end

local token = redis.call('INCR', epoch)
redis.call('HSET', fence, id, token, id .. '#batch', 0)
redis.call('SADD', workers, id)

return token
