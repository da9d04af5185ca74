-- Move reservations to :delayed, the raised attempts kept. Mirrors LuaScripts::release, but a reservation that had
-- been lost is not added a second time. Returns one character each: 1 when it was there, 0 when it had been lost.
--
-- KEYS  1 :reserved, 2 :delayed
-- ARGV  for each: reserved text, Unix time when it is due
local held = {}
for i = 1, #ARGV, 2 do
  local was_there = redis.call('ZREM', KEYS[1], ARGV[i])
  held[#held + 1] = was_there
  if was_there == 1 then
    add_unique(KEYS[2], ARGV[i + 1], ARGV[i])
  end
end
return table.concat(held)
