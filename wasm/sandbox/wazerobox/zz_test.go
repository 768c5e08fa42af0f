package wazerobox_test
import ("testing";"os";"strings";"strconv";"time"
"github.com/shoal-compute/shoal/wasm/sandbox/sandboxtest"
"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox")
func TestZ(t *testing.T){
 b:=open(t, wazerobox.Options{}); i2:=open(t, wazerobox.Options{Interpreter:true})
 n,_:=strconv.Atoi(os.Getenv("N")); seed,_:=strconv.Atoi(os.Getenv("SEED"))
 s:=time.Now()
 bad:=0
 for i:=range n {
  c:=sandboxtest.Random(uint64(seed),i)
  x:=c.Digest(t.Context(),b); y:=c.Digest(t.Context(),i2)
  if x!=y || strings.HasPrefix(x,"error") {bad++; t.Log(i,x,y)}
  if time.Since(s)>500*time.Second {t.Log("stopped at",i);break}
 }
 t.Log("bad",bad)
}
