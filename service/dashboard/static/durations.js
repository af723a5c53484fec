// Durations in words, as the server writes them.

export function formatDuration(seconds) {
  const minutes = Math.floor(Math.round(seconds) / 60);
  const hours = Math.floor(minutes / 60);
  const parts = [
    [hours, "h"],
    [minutes % 60, "min"],
    [hours ? 0 : Math.round(seconds) % 60, "s"],
  ];
  return parts.filter(([count]) => count).map((part) => part.join(" ")).join(" ") || "0 s";
}
