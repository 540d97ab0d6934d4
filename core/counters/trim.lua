-- Forget what nobody will ask for any more, some fields at a time. Answers where to go on, and how many went.
-- KEYS 1 tombstones, counters or rates   ARGV 1 which: T, C or R 2 cursor
local COUNT, DAY_MS = '500', 86400000
local us = now_us()
local ms = math.floor(us / 1000)
local today = math.floor(ms / DAY_MS)

local function is_over_tombstone(rid)  -- its first 48 bits are its time
  local made = tonumber(rid:sub(1, 12), 16)
  return made and made < ms - 2 * DAY_MS
end

-- A period is over for two days before it goes; a day may be part of a week's limit, and is kept for forty.
local LASTS = {d = 1, w = 7, m = 31}
local function is_over_counter(field, value)
  local period, number, what = field:match('@(%a?)(%d+):(%a+)$')
  if not period or (what == 'h' and value ~= '0') then return false end
  if period == '' then return ms >= int(number) + 2 * DAY_MS end  -- a quota, by the moment it ends
  if not LASTS[period] then return false end
  if period == 'd' and (what == 's' or what == 'h') then return today > int(number) + 40 end
  return today >= int(number) + LASTS[period] + 2
end

local function is_over(field, value)
  if ARGV[1] == 'T' then return is_over_tombstone(field) end
  if ARGV[1] == 'C' then return is_over_counter(field, value) end
  return (int(value) or us) < us  -- the arrival that was counted last has come to pass
end

local page = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', COUNT)
local gone = {}
for at = 1, #page[2], 2 do
  if is_over(page[2][at], page[2][at + 1]) then gone[#gone + 1] = page[2][at] end
end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
return {page[1], #gone}
