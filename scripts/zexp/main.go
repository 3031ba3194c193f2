package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/asr/tune"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/models"
)

func main() {
	lmPath := flag.String("lm", "models/default/lm.bin.zst", "")
	unk := flag.String("unk", "-8", "")
	width := flag.String("width", "64", "")
	w := flag.String("w", "0.6", "")
	b := flag.String("b", "0.75", "")
	flag.Parse()
	ctx := context.Background()
	rt, err := ort.Open("bin")
	if err != nil {
		log.Fatal(err)
	}
	bundle, _ := models.Open("default", "")
	r, err := asr.New(ctx, rt, bundle, asr.Options{Provider: ort.CPU, Decoding: asr.Decoding{LM: "none"}})
	if err != nil {
		log.Fatal(err)
	}
	sets := map[string][]*tune.Clip{}
	for _, name := range flag.Args() {
		f, _ := os.Open("/tmp/" + name + ".json")
		s := bufio.NewScanner(f)
		for s.Scan() {
			var e struct{ Audio_filepath, Text string }
			json.Unmarshal(s.Bytes(), &e)
			st, err := audio.Open(ctx, e.Audio_filepath, audio.Options{})
			if err != nil {
				log.Fatal(err)
			}
			c, err := tune.Recognize(ctx, r, st, e.Text)
			if err != nil {
				log.Fatal(err)
			}
			st.Close()
			sets[name] = append(sets[name], c)
		}
	}
	for _, path := range strings.Split(*lmPath, ",") {
		m, err := lm.Open(path)
		if err != nil {
			log.Fatal(err)
		}
		lex := beam.NewLexicon(m)
		for _, u := range strings.Split(*unk, ",") {
			for _, wd := range strings.Split(*width, ",") {
				for _, wt := range strings.Split(*w, ",") {
					for _, bo := range strings.Split(*b, ",") {
						o := beam.Options{Lexicon: lex}
						fmt.Sscan(u, &o.Unknown)
						fmt.Sscan(wd, &o.Width)
						fmt.Sscan(wt, &o.Weight)
						fmt.Sscan(bo, &o.Bonus)
						s, err := beam.New(bundle.Vocabulary, o)
						if err != nil {
							log.Fatal(err)
						}
						fmt.Printf("%s unk %s width %s w %s b %s:", path, u, wd, wt, bo)
						for _, name := range flag.Args() {
							e, _ := tune.Errors(ctx, sets[name], s, bundle.Vocabulary)
							n := float64(e.Words) / 100
							fmt.Printf("  %s %.2f (S%.1f D%.1f I%.1f)", name, 100*e.Rate(), float64(e.Substitutions)/n, float64(e.Deletions)/n, float64(e.Insertions)/n)
						}
						fmt.Println()
					}
				}
			}
		}
	}
}
