#!lua flags=no-writes,allow-oom
-- Letters of a list by where they were seen and their digests.
--
-- KEYS  1 letters
-- ARGV  n; then per letter: place (0: the oldest), SHA-1 in hex
-- Returns per letter: its place now and itself, or -1 and ""
--
-- A letter may have come nearer to the end that is taken from, so it is also
-- looked for there; where one was found others will be.  The search is
-- bounded for the call as a whole: what is not found may still be there.

local letters, n = KEYS[1], tonumber(ARGV[1])
local shift, budget = 0, 4000
local found = {}

local function is(item, digest)
    return item and redis.sha1hex(item) == digest
end

local function search(place, digest)
    local step = 25
    while place >= 0 and budget > 0 do
        -- each is a walk there, so there are few
        step = 2 * step
        local k = math.min(place + 1, step, budget)
        local some = redis.call('LRANGE', letters, -place - 1, -place - 2 + k)
        for i = 1, #some do
            if is(some[i], digest) then
                return place + 1 - i, some[i]
            end
        end
        budget = budget - k
        place = place - k
    end
end

for i = 1, n do
    local place, digest = tonumber(ARGV[2 * i]), ARGV[2 * i + 1]
    local at = place - shift
    local item = at >= 0 and redis.call('LINDEX', letters, -at - 1)
    if not is(item, digest) then
        at, item = search(math.min(place, redis.call('LLEN', letters) - 1),
            digest)
        shift = at and place - at or shift
    end
    found[2 * i - 1] = at and item and at or -1
    found[2 * i] = at and item or ''
end

return found
