-- Undo reservations: the text from before goes to the head of the list, or into :delayed. Returns one character each:
-- 1 when it was there, 0 when it had been lost.
--
-- KEYS  1 :reserved, 2 list, 3 :notify, 4 :delayed
-- ARGV  for each: reserved text, text from before, Unix time when it is due or '' for now
local held = {}
for i = 1, #ARGV, 3 do
  local was_there = redis.call('ZREM', KEYS[1], ARGV[i])
  held[#held + 1] = was_there
  if was_there == 1 then
    if ARGV[i + 2] == '' then
      redis.call('LPUSH', KEYS[2], ARGV[i + 1])
      redis.call('RPUSH', KEYS[3], '1')
    else
      add_unique(KEYS[4], ARGV[i + 2], ARGV[i + 1])
    end
  end
end
return table.concat(held)
