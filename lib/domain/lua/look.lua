#!lua flags=no-writes,allow-oom
-- The oldest items of a list, as many as may be taken at a time.
--
-- KEYS  1 list
-- ARGV  most items, most bytes
-- Returns items, oldest first
--
-- One item always fits, whatever its bytes.  Moves nothing.

local list = KEYS[1]
local most, most_bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
local items, bytes = {}, 0

while #items < most do
    local item = redis.call('LINDEX', list, -1 - #items)
    if not item or (#items > 0 and bytes + #item > most_bytes) then
        break
    end
    items[#items + 1] = item
    bytes = bytes + #item
end

return items
