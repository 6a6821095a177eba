#!lua flags=no-writes,allow-oom
-- Letters of a list by where they were seen and their digests.
--
-- KEYS  1 letters
-- ARGV  letters to search through at most, 0: none; by how much the letters
--       have come nearer, as far as is known; where the search for the first
--       goes on, -1: it has not begun, and behind how many letters; n; then
--       per letter: place (0: the oldest), SHA-1 in hex
-- Returns how many are decided, the first ones; by how much they have come
--       nearer; where the search for the next goes on, and behind how many
--       letters; how many were searched; then per decided letter its place
--       now and itself, or -1 ""
--
-- A letter may have come nearer to the end that is taken from, so it is also
-- looked for there; where one was found others will be.  Hashing letters is
-- what a search costs, so it goes on in another call, where others have had
-- their turn.  What is not among the 4,000 that are nearer is not there, nor is
-- what may not be searched for.

local letters = KEYS[1]
local most, shift = tonumber(ARGV[1]), tonumber(ARGV[2])
local resume, spent = tonumber(ARGV[3]), tonumber(ARGV[4])
local n = tonumber(ARGV[5])
local budget, ENOUGH = most, 4000
local found = {n, shift, -1, 0, 0}

local function is(item, digest)
    return item and redis.sha1hex(item) == digest
end

-- from a place on: place and item, or nil, and where to go on if there is more
local function search(place, digest)
    local step = 25
    place = math.min(place, redis.call('LLEN', letters) - 1)
    while place >= 0 and budget > 0 and spent < ENOUGH do
        -- each is a walk there, so there are few
        step = 2 * step
        local k = math.min(place + 1, step, budget, ENOUGH - spent)
        local some = redis.call('LRANGE', letters, -place - 1, -place - 2 + k)
        for i = 1, #some do
            if is(some[i], digest) then
                budget = budget - i
                return place + 1 - i, some[i]
            end
        end
        budget = budget - k
        spent = spent + k
        place = place - k
    end
    return nil, nil, spent < ENOUGH and place or -1
end

for i = 1, n do
    local place, digest = tonumber(ARGV[4 + 2 * i]), ARGV[5 + 2 * i]
    local at, rest = place - shift, -1
    local item = resume < 0 and at >= 0
        and redis.call('LINDEX', letters, -at - 1)
    if not is(item, digest) then
        at, item = nil, nil
        if most > 0 then
            at, item, rest = search(resume < 0 and place or resume, digest)
        end
        shift = at and place - at or shift
    end
    if not at and rest and rest >= 0 then
        found[1], found[3], found[4] = i - 1, rest, spent
        break
    end
    resume, spent = -1, 0
    found[4 + 2 * i] = at or -1
    found[5 + 2 * i] = item or ''
end

found[2], found[5] = shift, most - budget

return found
