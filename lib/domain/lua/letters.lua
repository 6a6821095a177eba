#!lua flags=no-writes,allow-oom
-- A page of a dead letter list, from the oldest on.
--
-- KEYS  1 letters
-- ARGV  place to begin at (0: the oldest), most letters, most bytes
-- Returns the list's length, then the letters, oldest first
--
-- One letter always fits, whatever its bytes.  Moves nothing.

local letters = KEYS[1]
local place, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local most_bytes, bytes = tonumber(ARGV[3]), 0
local found = {redis.call('LLEN', letters)}
local last = math.min(place + most, found[1])

-- a place in the middle costs a walk there, so a few large steps; the first
-- tells how many letters are not too many
local n = 50

while place < last do
    n = math.min(last - place, n)
    local some = redis.call('LRANGE', letters, -place - n, -place - 1)
    for i = n, 1, -1 do
        bytes = bytes + #some[i]
        if #found > 1 and bytes > most_bytes then
            return found
        end
        found[#found + 1] = some[i]
    end
    place = place + n
    n = math.max(1, math.floor((most_bytes - bytes) * (#found - 1) / bytes))
end

return found
